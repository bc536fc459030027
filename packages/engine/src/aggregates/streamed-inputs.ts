import { countsEvent, parseAggregateKey } from '@pik/aggregates';
import { LIMITS, timelineBound } from '@pik/schema';
import type { Page } from '../ports/queries.ts';
import type { EventRow, SliceRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { type ScannedEntry, scanEntries } from '../storage/rules/slice-codec.ts';
import { compareScanned, InputColumns, type InputPlace, PlaceSample, type SliceHead } from './rules/input-columns.ts';
import { compareInputs, type WindowInput } from './rules/window-input.ts';
import { WindowError } from './window-error.ts';
import { type SlicesOf, timelineRange, type WindowQuestion, windowSlices } from './window-inputs.ts';

/** Limits on the inputs in memory at a time. Tests make them small. */
export interface StreamBounds {
  /** Inputs in packed form: a larger window is read in parts, one after another. */
  readonly heldMax: number;
  /** Inputs as objects, in one part. */
  readonly partMax: number;
}

const BOUNDS: StreamBounds = { heldMax: 500_000, partMax: 25_000 };

/** Inputs packed between two turns of the event loop. */
const ROWS_PER_TURN = 20_000;

/**
 * Yields all accepted events of a window received by the as-of time, in parts, in order of event time and id. Holds at most
 * `heldMax` inputs in memory. Reads only the index: the slices of the window once for each part.
 *
 * @throws KitError `WINDOW_TOO_LARGE` beyond the limit for streamed windows.
 */
export async function* streamedInputs(
  context: Context,
  question: WindowQuestion,
  bounds = BOUNDS,
): AsyncGenerator<readonly WindowInput[]> {
  const { entity_id, ...fields } = parseAggregateKey(question.aggregate.group_by, question.key) ?? {};
  const parts =
    entity_id === undefined
      ? fromSlices(context, { ...question, fields }, bounds)
      : fromTimeline(context, { ...question, entityId: entity_id }, bounds);
  let count = 0;
  for await (const part of parts) {
    count += part.length;
    if (count > LIMITS.window_inputs_streamed_max) throw tooLarge(question);
    yield part;
  }
}

function tooLarge(question: WindowQuestion): WindowError {
  const reason = `it has more than ${LIMITS.window_inputs_streamed_max} inputs`;
  return new WindowError(question, { code: 'WINDOW_TOO_LARGE', reason });
}

/** Cuts the window at places that a first walk samples, then loads one part after the other. */
async function* fromSlices(
  context: Context,
  question: SlicesOf,
  { heldMax, partMax }: StreamBounds,
): AsyncGenerator<readonly WindowInput[]> {
  const sample = new PlaceSample();
  await walkSlices(context, question, (entry, slice) => sample.add(entry, slice.entries));
  if (sample.count > LIMITS.window_inputs_streamed_max) throw tooLarge(question);
  // Parts are only about this size; columns grow if one is larger.
  const cuts: (InputPlace | null)[] = [null, ...sample.cuts(heldMax), null];
  for (let i = 0; i + 1 < cuts.length; i++) {
    const columns = await columnsBetween(context, question, { from: cuts[i] ?? null, to: cuts[i + 1] ?? null });
    const order = columns.order();
    for (let start = 0; start < order.length; start += partMax) {
      await context.budget.turn();
      yield Array.from(order.subarray(start, start + partMax), (at) => columns.input(at));
    }
  }
}

async function columnsBetween(
  context: Context,
  question: SlicesOf,
  { from, to }: { from: InputPlace | null; to: InputPlace | null },
): Promise<InputColumns> {
  const columns = new InputColumns();
  await walkSlices(context, question, (entry, { entries }, head) => {
    if (from !== null && compareScanned(entry, entries, from) < 0) return;
    if (to !== null && compareScanned(entry, entries, to) >= 0) return;
    columns.add(entry, entries, head);
  });
  return columns;
}

type Visit = (entry: ScannedEntry, slice: SliceRow, head: SliceHead) => void;

/** Visits the inputs in index order. */
async function walkSlices(context: Context, question: SlicesOf, visit: Visit): Promise<void> {
  const { window, asOfMs } = question;
  let rows = 0;
  for await (const slice of windowSlices(context, question)) {
    const { source, event_type, pack_id } = slice;
    const head = { source, event_type, pack_id };
    scanEntries(slice.entries, (entry) => {
      const { outcome, event_ms, received_ms } = entry;
      if (outcome !== 'ACCEPTED' || received_ms > asOfMs) return;
      if (event_ms >= window.start_ms && event_ms < window.end_ms) visit(entry, slice, head);
    });
    rows += slice.accepted;
    if (rows < ROWS_PER_TURN) continue;
    rows = 0;
    await context.budget.turn();
  }
}

type TimelineOf = WindowQuestion & { readonly entityId: string };

/** A timeline is already in order of time; only events of the same instant are sorted by id. */
async function* fromTimeline(
  context: Context,
  question: TimelineOf,
  { partMax }: StreamBounds,
): AsyncGenerator<readonly WindowInput[]> {
  let range = timelineRange(question);
  for (;;) {
    let crowded: EventRow | null = null;
    let part: WindowInput[] = [];
    let instant: EventRow[] = [];
    for await (const row of timelineRows(context, question, range)) {
      const first = instant[0];
      if (first !== undefined && !isSameInstant(first, row)) {
        for (const input of instant.sort(compareInputs)) part.push(input);
        instant = [];
      }
      instant.push(row);
      if (instant.length > partMax) {
        crowded = row;
        break;
      }
      if (part.length < partMax) continue;
      yield part;
      part = [];
    }
    if (crowded === null) {
      for (const input of instant.sort(compareInputs)) part.push(input);
      if (part.length > 0) yield part;
      return;
    }
    if (part.length > 0) yield part;
    yield* instantRows(context, question, { row: crowded, partMax });
    range = { from: afterInstant(question.entityId, crowded), to: range.to };
  }
}

function isSameInstant(a: EventRow, b: EventRow): boolean {
  return a.event_ms === b.event_ms && a.event_sub_ns === b.event_sub_ns;
}

function afterInstant(entityId: string, { event_ms, event_sub_ns }: EventRow): string {
  return timelineBound(entityId, { epoch_ms: event_ms, sub_ms_ns: event_sub_ns + 1 });
}

/**
 * Yields the events of one instant that are too many to sort: within an instant, a timeline is in order of the ends of ids.
 * Keyed ids contain no time, so they come before all others.
 */
async function* instantRows(
  context: Context,
  question: TimelineOf,
  { row, partMax }: { row: EventRow; partMax: number },
): AsyncGenerator<readonly WindowInput[]> {
  const from = timelineBound(question.entityId, { epoch_ms: row.event_ms, sub_ms_ns: row.event_sub_ns });
  const range = { from, to: afterInstant(question.entityId, row) };
  for (const keyed of [true, false]) {
    let part: WindowInput[] = [];
    for await (const one of timelineRows(context, question, range)) {
      if ((one.rule === 'key') !== keyed) continue;
      part.push(one);
      if (part.length < partMax) continue;
      yield part;
      part = [];
    }
    if (part.length > 0) yield part;
  }
}

async function* timelineRows(
  context: Context,
  { aggregate, entityId, asOfMs }: TimelineOf,
  range: { readonly from: string; readonly to: string },
): AsyncGenerator<EventRow> {
  const query = { ...range, asOfMs, limit: LIMITS.page_items_max };
  const read = (cursor: string | null): Promise<Page<EventRow>> =>
    context.backend.index.listTimeline({ ...query, cursor });
  // Several entities may share a hash prefix.
  for await (const row of readPages(read, context.budget))
    if (row.entity_id === entityId && countsEvent(aggregate, row)) yield row;
}
