import { formatEpochMs, KitError, LIMITS, type RawEvent, type ReceiptAddress, type ReceivedText } from '@pik/schema';
import type { RawOptions, TimelineQuery } from '../api/pipeline.ts';
import { ownFormOf } from '../ingest/rules/received-payload.ts';
import { evictOldest } from '../ports/evict-oldest.ts';
import type { EventRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { envelopeBody, readPack, requireKept } from './pack-store.ts';
import { deliveryView, eventView } from './rules/event-view.ts';
import type { StoredEnvelope } from './rules/pack-codec.ts';
import { timelineRows } from './timeline.ts';

/** Packs cached at a time: most events of an entity in a period came in few requests. */
const PACKS_HELD = 8;

/**
 * Streams events with their received text as NDJSON lines, then `{"end":true,"count":n,"next_cursor":…}`. If bytes are
 * missing or damaged, the stream ends with an `{"error":…}` line, never with an empty payload and never as if complete.
 */
export async function* rawEvents(
  context: Context,
  query: TimelineQuery,
  options?: Partial<RawOptions>,
): AsyncGenerator<string> {
  const asOfMs = query.asOfMs ?? context.clock.now();
  const readRows: ReadRows = async (limit, cursor) => {
    const { items, next } = await timelineRows(context, { ...query, asOfMs, limit, cursor });
    return { rows: items, next };
  };
  yield* rawLines(context, { ...query, asOfMs, readRows }, options);
}

/** Reads events from a cursor on. */
export type ReadRows = (
  limit: number,
  cursor: string | null,
) => Promise<{ rows: readonly EventRow[]; next: string | null }>;

/** Events read between two checks of the budget: a listing's cursor continues after the last event read. */
const ROWS_AT_ONCE = 500;

/** The lines of a page of events: up to `limit`, fewer if the budget ends first. */
export async function* rawLines(
  context: Context,
  page: { readRows: ReadRows; limit: number; cursor: string | null; asOfMs: number },
  { deliveries = false }: Partial<RawOptions> = {},
): AsyncGenerator<string> {
  const { readRows, limit, asOfMs } = page;
  const read = createPackReader(context);
  let next = page.cursor;
  let left = limit;
  let count = 0;
  do {
    const some = await readRows(Math.min(left, ROWS_AT_ONCE), next);
    for (const row of some.rows) {
      const line = await lineOf(context, { row, asOfMs, read, deliveries });
      yield `${line.text}\n`;
      if (line.isFault) return;
    }
    count += some.rows.length;
    left -= some.rows.length;
    next = some.next;
  } while (next !== null && left > 0 && context.budget.spent() === null);
  yield `${JSON.stringify({ end: true, count, as_of: formatEpochMs(asOfMs), next_cursor: next })}\n`;
}

/** The line of one event, or of the fault in its bytes. */
async function lineOf(
  context: Context,
  { row, asOfMs, read, deliveries }: { row: EventRow; asOfMs: number; read: ReadPack; deliveries: boolean },
): Promise<{ text: string; isFault: boolean }> {
  try {
    const further = deliveries ? await deliveriesOf(context, { row, asOfMs, read }) : {};
    return { text: JSON.stringify({ ...eventView(row), ...(await textOf(read, row)), ...further }), isFault: false };
  } catch (error) {
    if (!KitError.is(error)) throw error;
    const { code, message: detail } = error;
    return { text: JSON.stringify({ error: { code, detail, event_id: row.event_id } }), isFault: true };
  }
}

type ReadPack = (packId: string) => Promise<StoredEnvelope[]>;

/** The deliveries of an event as of a time, with their received text. */
async function deliveriesOf(
  context: Context,
  { row, asOfMs, read }: { row: EventRow; asOfMs: number; read: ReadPack },
): Promise<Pick<RawEvent, 'deliveries' | 'deliveries_cut'>> {
  const rows = await context.backend.index.getDeliveries(row);
  const deliveries: NonNullable<RawEvent['deliveries']>[number][] = [];
  for (const further of rows) {
    if (further.received_ms > asOfMs) continue;
    deliveries.push({ ...deliveryView(further, row), ...(await textOf(read, further)) });
  }
  return { deliveries, deliveries_cut: rows.length >= LIMITS.deliveries_per_event_max };
}

async function textOf(read: ReadPack, row: ReceiptAddress & { event_id: string }): Promise<ReceivedText> {
  const envelope = (await read(row.pack_id))[row.line];
  if (envelope !== undefined) requireKept(envelope);
  if (envelope?.event_id !== row.event_id) {
    throw new KitError('RAW_CORRUPT', `line ${row.line} of the pack ${row.pack_id} is not this event`);
  }
  const body = new TextDecoder().decode(envelopeBody(envelope));
  const mapped = ownFormOf(envelope);
  return mapped === undefined ? { body } : { body, mapped };
}

/** Creates a reader of packs that caches the last few. */
export function createPackReader(context: Context): (packId: string) => Promise<StoredEnvelope[]> {
  const held = new Map<string, Promise<StoredEnvelope[]>>();
  return (packId) => {
    const known = held.get(packId);
    if (known !== undefined) return known;
    if (held.size >= PACKS_HELD) evictOldest(held);
    const pack = readPack(context, packId);
    held.set(packId, pack);
    return pack;
  };
}
