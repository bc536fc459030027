import type { ChangeClass, ChangeSide } from '@pik/schema';
import { formatEpochMs, KitError, packStoredMs } from '@pik/schema';

/** One input as the list of a value's inputs has it. Times are fixed-width UTC. */
export interface ListedInput {
  readonly event_id: string;
  readonly payload_hash: string;
  readonly event_time: string;
  readonly received_at: string;
  readonly pack_id: string;
  readonly line: number;
}

/** Which of the two lists have an input. */
export type InputSide = 'BOTH' | 'CAME' | 'WENT';

/**
 * Walks two lists of inputs side by side, each in order of event time and id, and tells of each input once which of them
 * have it. The same event from another receipt is another input. One step per input of either list.
 *
 * @throws KitError `MANIFEST_CORRUPT` where a list is not in order.
 */
export function walkInputs<T extends ListedInput>(
  before: readonly T[],
  after: readonly T[],
  visit: (input: T, side: InputSide) => void,
): void {
  const left = cursor(before);
  const right = cursor(after);
  for (;;) {
    const [a, b] = [left.item, right.item];
    if (a === undefined && b === undefined) return;
    const order = a === undefined ? 1 : b === undefined ? -1 : compareListed(a, b);
    if (order < 0) visit(a as T, 'WENT');
    else visit(b as T, order === 0 ? 'BOTH' : 'CAME');
    if (order <= 0) left.next();
    if (order >= 0) right.next();
  }
}

function cursor<T extends ListedInput>(list: readonly T[]) {
  let at = 0;
  return {
    get item(): T | undefined {
      return list[at];
    },
    next() {
      const [last, item] = [list[at] as T, list[at + 1]];
      // A walk over lists in another order would call everything different, and be believed.
      if (item !== undefined && compareListed(last, item) >= 0)
        throw new KitError('MANIFEST_CORRUPT', `the input ${item.event_id} is out of its order`);
      at += 1;
    },
  };
}

/** Order of event time, then id, then receipt. */
export function compareListed(a: ListedInput, b: ListedInput): number {
  if (a === b) return 0;
  if (a.event_time !== b.event_time) return a.event_time < b.event_time ? -1 : 1;
  if (a.event_id !== b.event_id) return a.event_id < b.event_id ? -1 : 1;
  if (a.pack_id !== b.pack_id) return a.pack_id < b.pack_id ? -1 : 1;
  return a.line - b.line;
}

/** What is stored of an input beside its place in a list; the fields of an event that is nowhere any more are null. */
export interface InputFacts {
  readonly source: string | null;
  readonly event_type: string | null;
  readonly entity_id: string | null;
  readonly imported: boolean | null;
  /** True where the index has this receipt as its event's own, false where its time there has ended, null if neither. */
  readonly present: boolean | null;
  /** True where an import made another receipt the first of the same event. */
  readonly superseded?: boolean;
  /** Short plain values of the payload by their names; null where it was not looked at. */
  readonly fields: Readonly<Record<string, string>> | null;
}

/** An input that only one side has, and why. */
export interface Difference {
  readonly side: 'CAME' | 'WENT';
  readonly class: ChangeClass;
  readonly input: ListedInput;
  readonly facts: InputFacts;
}

/** The two sides as classes need them. */
export interface ChangeSides {
  readonly before: ChangeSide;
  readonly after: ChangeSide;
}

/** Why an input is on one side only, as far as stored facts say. */
export function classifyInput(
  { side, input, facts }: Pick<Difference, 'side' | 'input' | 'facts'>,
  { before, after }: ChangeSides,
): ChangeClass {
  if (side === 'WENT') {
    if (isOutside(input, after)) return 'DEFINITION';
    if (facts.superseded === true) return 'IMPORTED';
    if (facts.present === false) return 'EXPIRED';
    return before.definition_hash === after.definition_hash ? 'UNEXPLAINED' : 'DEFINITION';
  }
  if (isOutside(input, before)) return 'DEFINITION';
  if (input.received_at > before.as_of) return input.received_at < before.window_end ? 'ON_TIME' : 'LATE';
  if (facts.imported === null) return 'UNEXPLAINED';
  const computed = before.computed_at;
  // What was stored in the very millisecond of the computation cannot have been among the inputs read before it.
  if (facts.imported && computed !== null && storedAt(input) >= computed) return 'IMPORTED';
  // A settled side missed nothing that was there: what it has not did not count under its definition.
  const redefined = before.definition_hash !== after.definition_hash && !before.unsettled;
  return redefined ? 'DEFINITION' : 'NEWLY_PROCESSED';
}

function isOutside({ event_time }: ListedInput, { window_start, window_end }: ChangeSide): boolean {
  return event_time < window_start || event_time >= window_end;
}

/** When an input's pack was stored; fixed-width UTC. */
export function storedAt({ pack_id }: ListedInput): string {
  return formatEpochMs(packStoredMs(pack_id));
}

/** Received time minus event time in milliseconds, signed. */
export function lagOf({ event_time, received_at }: Pick<ListedInput, 'event_time' | 'received_at'>): number {
  return epochMs(received_at) - epochMs(event_time);
}

/** Whole milliseconds of a fixed-width time; far quicker than reading any form. */
function epochMs(text: string): number {
  return Date.parse(`${text.slice(0, 23)}Z`);
}
