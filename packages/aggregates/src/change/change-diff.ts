import type { ChangeClass, ChangeSide } from '@pik/schema';
import { formatEpochMs, KitError, packStoredMs } from '@pik/schema';

/** An input in the list of a value's inputs. Times are fixed-width UTC. */
export interface ListedInput {
  readonly event_id: string;
  readonly payload_hash: string;
  readonly event_time: string;
  readonly received_at: string;
  readonly pack_id: string;
  readonly line: number;
}

/** The lists that contain an input. */
export type InputSide = 'BOTH' | 'CAME' | 'WENT';

/**
 * Walks two lists of inputs in parallel, each in order of event time and id, and visits each input once with the lists
 * that contain it. The same event from another receipt is another input. One step per input of either list.
 *
 * @throws KitError `MANIFEST_CORRUPT` if a list is out of order.
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
    if (a !== undefined && order < 0) visit(a, 'WENT');
    else if (b !== undefined) visit(b, order === 0 ? 'BOTH' : 'CAME');
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
      const [last, item] = [list[at], list[at + 1]];
      // A walk over lists in another order would report everything as different, and look plausible.
      if (last !== undefined && item !== undefined && compareListed(last, item) >= 0)
        throw new KitError('MANIFEST_CORRUPT', `the input ${item.event_id} is out of order`);
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

/**
 * The stored facts about an input besides its place in a list; null fields belong to an event that is no longer stored.
 */
export interface InputFacts {
  readonly source: string | null;
  readonly event_type: string | null;
  readonly entity_id: string | null;
  readonly imported: boolean | null;
  /** True if the index has this receipt as its event's own, false if its retention there has ended, null if neither. */
  readonly present: boolean | null;
  /** True if an import made another receipt the first of the same event. */
  readonly superseded?: boolean | undefined;
  /** Short plain values of the payload by name; null if the payload was not read. */
  readonly fields: Readonly<Record<string, string>> | null;
}

/** An input that only one side has, and why. */
export interface Difference {
  readonly side: 'CAME' | 'WENT';
  readonly class: ChangeClass;
  readonly input: ListedInput;
  readonly facts: InputFacts;
}

/** The two sides of a change. */
export interface ChangeSides {
  readonly before: ChangeSide;
  readonly after: ChangeSide;
}

/** Why an input is on one side only, according to the stored facts. */
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
  // An input stored in the millisecond of the computation cannot be among the inputs read before it.
  if (facts.imported && computed !== null && storedAt(input) >= computed) return 'IMPORTED';
  // A settled side missed no stored input: an input that it lacks did not count under its definition.
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

/** Receive time minus event time in milliseconds, signed. */
export function lagOf({ event_time, received_at }: Pick<ListedInput, 'event_time' | 'received_at'>): number {
  return epochMs(received_at) - epochMs(event_time);
}

/** Whole milliseconds of a fixed-width time; far faster than a general parser. */
function epochMs(text: string): number {
  return Date.parse(`${text.slice(0, 23)}Z`);
}
