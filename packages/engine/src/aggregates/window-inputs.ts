import { type Aggregate, countsEvent, type KeyFields, parseAggregateKey } from '@pik/aggregates';
import { KitError, LIMITS, timelineBound, type Window } from '@pik/schema';
import type { Page } from '../ports/queries.ts';
import type { EventRow, SliceRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { decodeEntries } from '../storage/rules/slice-codec.ts';
import { slicesOfTimes } from '../storage/slices-of-times.ts';
import { compareInputs, type WindowInput } from './rules/window-input.ts';

/** Rows between two turns of the event loop: a few milliseconds of work. */
const ROWS_PER_TURN = 5_000;

/** A window of one key of an aggregate, as of a receive time. */
export interface WindowQuestion {
  readonly aggregate: Aggregate;
  readonly key: string;
  readonly window: Window;
  readonly asOfMs: number;
}

/**
 * Returns all accepted events of a window received by the as-of time, in order of event time and id; null if they are too
 * many to hold in memory. Reads only the index.
 *
 * @throws KitError `REQUEST_INVALID` for a key that this grouping does not have.
 */
export async function windowInputs(context: Context, question: WindowQuestion): Promise<WindowInput[] | null> {
  const { aggregate, key } = question;
  const fields = parseAggregateKey(aggregate.group_by, key);
  if (fields === null)
    throw new KitError('REQUEST_INVALID', `${aggregate.metric} cannot have this key`, { path: '/key' });
  const inputs: WindowInput[] = [];
  const add = (input: WindowInput) => {
    if (!countsEvent(aggregate, input)) return true;
    inputs.push(input);
    return inputs.length <= LIMITS.window_inputs_max;
  };
  const { entity_id: entityId } = fields;
  const fits =
    entityId === undefined
      ? await fromSlices(context, { ...question, fields }, add)
      : await fromTimeline(context, { ...question, entityId }, add);
  if (!fits) return null;
  return isSorted(inputs) ? inputs : inputs.sort(compareInputs);
}

function isSorted(inputs: readonly WindowInput[]): boolean {
  for (let i = 1; i < inputs.length; i++)
    if (compareInputs(inputs[i - 1] as WindowInput, inputs[i] as WindowInput) > 0) return false;
  return true;
}

/** Takes an input; returns false to stop. */
type Add = (input: WindowInput) => boolean;

/** The range of an entity's timeline that a window covers. */
export function timelineRange({ window, entityId }: WindowQuestion & { entityId: string }): {
  from: string;
  to: string;
} {
  const bound = (epoch_ms: number) => timelineBound(entityId, { epoch_ms, sub_ms_ns: 0 });
  return { from: bound(window.start_ms), to: bound(window.end_ms) };
}

/** Returns false if it stopped before the end. */
async function fromTimeline(
  context: Context,
  question: WindowQuestion & { entityId: string },
  add: Add,
): Promise<boolean> {
  const range = { ...timelineRange(question), asOfMs: question.asOfMs, limit: LIMITS.page_items_max };
  let cursor: string | null = null;
  for (;;) {
    const { items, next }: Page<EventRow> = await context.backend.index.listTimeline({ ...range, cursor });
    // Several entities may share a hash prefix.
    for (const row of items) if (row.entity_id === question.entityId && !add(row)) return false;
    if (next === null) return true;
    cursor = next;
    await context.budget.turn();
  }
}

/** A window whose inputs are read from slices. */
export type SlicesOf = WindowQuestion & { readonly fields: Partial<KeyFields> };

/** A metric of more sources than this reads the slices of all sources and skips those that do not count. */
const SOURCES_APART_MAX = 20;

/** Yields the slices that may contain inputs of the window: those of the sources and types that count. */
export async function* windowSlices(context: Context, question: SlicesOf): AsyncGenerator<SliceRow> {
  const { aggregate, asOfMs } = question;
  for await (const slice of slicesOfDays(context, question)) {
    if (!countsEvent(aggregate, slice)) continue;
    const { clock } = context.backend;
    if (slice.accepted === 0 || slice.received_min_ms > asOfMs || slice.expires_ms <= clock.now()) continue;
    yield slice;
  }
}

/** Returns false if it stopped before the end. */
async function fromSlices(context: Context, question: SlicesOf, add: Add): Promise<boolean> {
  let rows = 0;
  for await (const slice of windowSlices(context, question)) {
    if (!addEntries(slice, question, add)) return false;
    rows += slice.accepted;
    if (rows < ROWS_PER_TURN) continue;
    rows = 0;
    await context.budget.turn();
  }
  return true;
}

/** Yields the slices of a window's days, filtered as far as the index can. */
async function* slicesOfDays(
  context: Context,
  { aggregate, fields, window, asOfMs }: SlicesOf,
): AsyncGenerator<SliceRow> {
  const [onlyType, ...otherTypes] = aggregate.event_types ?? [];
  const event_type = fields.event_type ?? (otherTypes.length === 0 ? onlyType : undefined);
  const declared = aggregate.sources ?? [];
  const apart = declared.length > 0 && declared.length <= SOURCES_APART_MAX;
  const sources = fields.source !== undefined ? [fields.source] : apart ? declared : [undefined];
  const times = { eventFromMs: window.start_ms, eventToMs: window.end_ms, receivedToMs: asOfMs + 1 };
  const counts = (source: string | undefined) => source === undefined || (aggregate.sources?.includes(source) ?? true);
  const series = sources.filter(counts).map((source) => ({ source, event_type }));
  yield* slicesOfTimes(context, series, times);
}

function addEntries(slice: SliceRow, { window, asOfMs }: { window: Window; asOfMs: number }, add: Add): boolean {
  const { source, event_type, pack_id } = slice;
  for (const entry of decodeEntries(slice.entries)) {
    const { outcome, event_ms, received_ms } = entry;
    if (outcome !== 'ACCEPTED' || received_ms > asOfMs) continue;
    if (event_ms < window.start_ms || event_ms >= window.end_ms) continue;
    const { event_id, event_sub_ns, payload_hash, line } = entry;
    const goesOn = add({
      event_id,
      source,
      event_type,
      entity_id: null,
      event_ms,
      event_sub_ns,
      received_ms,
      payload_hash,
      pack_id,
      line,
    });
    if (!goesOn) return false;
  }
  return true;
}
