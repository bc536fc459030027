import {
  deriveIdentity,
  durationText,
  type EventExplanation,
  type Finding,
  flagBit,
  KitError,
  LIMITS,
  MS_PER_HOUR,
  parseTime,
  type ReceiptAddress,
} from '@pik/schema';
import type { EventQuery } from '../api/pipeline.ts';
import type { ParsedRecord } from '../ingest/rules/parse-record.ts';
import { parsedEnvelope } from '../ingest/sweep.ts';
import type { DeliveryRow, EventRow } from '../ports/rows.ts';
import { orExceeded, unlessEnded } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import { stepOver, stepText } from '../runtime/rules/clock-steps.ts';
import { createHistogram } from '../statistics/histogram.ts';
import { rowsNear } from '../storage/nearest-rows.ts';
import { envelopeBody } from '../storage/pack-store.ts';
import { createPackReader } from '../storage/raw-events.ts';
import { type Attempts, createAttempts } from './attempts.ts';
import { eventHistory } from './explain-history.ts';
import { missingFindings } from './explain-missing.ts';
import { type BytesCheck, explainFound, explainMissing, notYetReceived } from './rules/explain.ts';
import { conflictFinding, volatileFindings } from './rules/explain-payloads.ts';
import { seriesLags } from './series-lags.ts';

type PackReader = ReturnType<typeof createPackReader>;

/**
 * Explains what happened to an event, with evidence, or why there is no such event. If the budget ends first, the answer has
 * what was found and names what was not looked at.
 *
 * @throws KitError `BUDGET_EXCEEDED` if not even the event nearest to a time was found.
 */
export async function explainEvent(
  context: Context,
  query: EventQuery,
  options: { asOfMs: number | null },
): Promise<EventExplanation> {
  const asOfMs = options.asOfMs ?? context.clock.now();
  const { row, eventId, findings } = await findEvent(context, query, asOfMs);
  const attempts = createAttempts();
  if (row === null) {
    const missing = await missingFindings(context, query, { eventId, asOfMs, attempts });
    return { ...explainMissing(asOfMs, [...findings, ...missing]), ...attempts.partialAnswer() };
  }
  const rows = await attempts.run('its further receipts', () => context.backend.index.getDeliveries(row), null);
  const deliveries = rows?.filter(({ received_ms }) => received_ms <= asOfMs) ?? null;
  if (row.received_ms > asOfMs)
    return { ...explainMissing(asOfMs, notYetReceived(row, deliveries ?? [])), ...attempts.partialAnswer() };
  const story = await storyOf(context, { row, asOfMs, deliveries, attempts });
  return {
    ...explainFound({
      ...story,
      row,
      asOfMs,
      deliveries,
      deliveriesCut: rows === null || rows.length >= LIMITS.deliveries_per_event_max,
      findings: [...findings, ...story.findings],
    }),
    ...attempts.partialAnswer(),
  };
}

interface StoryQuestion {
  readonly row: EventRow;
  readonly asOfMs: number;
  readonly deliveries: readonly DeliveryRow[] | null;
  readonly attempts: Attempts;
}

/** Gathers all facts that take more than the rows of the event, the bytes first. */
async function storyOf(context: Context, { row, asOfMs, deliveries, attempts }: StoryQuestion) {
  const read = createPackReader(context);
  const unread: Checked = { bytes: null, first: null };
  // The payloads of further receipts are compared with these bytes.
  const compared =
    deliveries === null || deliveries.length === 0 ? '' : ', and how the payloads of further receipts differ';
  const checked = await attempts.run(`its bytes in the log${compared}`, () => checkBytes(read, row), unread);
  const { bytes, first, original = null, sequence = null } = checked;
  const history = await eventHistory(context, { row, asOfMs, attempts });
  const lags = await attempts.run('the lags of its series', () => seriesLags(context, row, asOfMs), createHistogram());
  const payloads: Finding[] = [];
  const differ = () => payloadFindings(read, { first, deliveries: deliveries ?? [] }, payloads);
  await attempts.run('how the payloads of further receipts differ', differ, undefined);
  return {
    bytes,
    seriesLags: lags,
    versions: history.versions,
    replays: history.replays,
    findings: [
      ...(await clockFindings(context, row, sequence)),
      ...sentAgain(original),
      ...payloads,
      ...history.findings,
    ],
  };
}

/** Findings about a wrong server clock. */
async function clockFindings(context: Context, row: EventRow, sequence: number | null): Promise<Finding[]> {
  const step = stepOver(await context.watch.steps(), { sequence, receivedMs: row.received_ms });
  const evidence = [{ event_id: row.event_id, pack_id: row.pack_id, line: row.line }];
  if (step !== null) {
    const text = `This server's own clock was ${stepText(step)} when it received this: the receive time and the lag are wrong by that much, whatever the producer's clock was.`;
    return [{ code: 'SERVER_CLOCK_WRONG', text, evidence }];
  }
  const aheadMs = row.received_ms - context.backend.clock.now();
  if ((row.flags & flagBit('IMPORTED')) !== 0 || aheadMs <= LIMITS.clock_step_ms) return [];
  const text = `Its receive time lies ${durationText(aheadMs)} ahead of this server's clock: one of the two times is wrong.`;
  return [{ code: 'SERVER_CLOCK_WRONG', text, evidence }];
}

interface Found {
  readonly row: EventRow | null;
  /** The id that the query names or implies; null if it gives only a time. */
  readonly eventId: string | null;
  readonly findings: readonly Finding[];
}

async function findEvent(context: Context, query: EventQuery, asOfMs: number): Promise<Found> {
  if ('event_time' in query) return findByTime(context, query, asOfMs);
  const eventId = 'event_id' in query ? query.event_id : keyedId(query);
  return { row: await context.backend.index.getEvent(eventId), eventId, findings: [] };
}

function keyedId(query: { source: string; event_type: string; entity_id: string; key: string }): string {
  // A keyed id contains no time, so any time yields the same id.
  const event_time = { utc: '', epoch_ms: 0, sub_ms_ns: 0, leap_second: false };
  return deriveIdentity({ ...query, event_time, payload_hash: '', idempotency_key: query.key }).event_id;
}

/** Finds the event of an entity nearest to a time, within an hour; a finding names the others. */
async function findByTime(
  context: Context,
  query: { entity_id: string; event_time: string },
  asOfMs: number,
): Promise<Found> {
  const at = parseTime(query.event_time);
  if (at === null) throw new KitError('REQUEST_INVALID', 'event_time is not a valid time', { path: '/event_time' });
  const near = {
    entity: { entity_id: query.entity_id },
    time: at.epoch_ms,
    withinMs: MS_PER_HOUR,
    asOfMs,
    max: LIMITS.page_items_max,
  };
  const advice = 'the event nearest to that time was not found within the limits; name the event by its id';
  const { rows, more } = await orExceeded(context.budget, advice, () => rowsNear(context, near));
  const distance = (row: EventRow) => Math.abs(row.event_ms - at.epoch_ms);
  const [nearest, ...others] = rows.toSorted((a, b) => distance(a) - distance(b));
  if (nearest === undefined || others.length === 0) return { row: nearest ?? null, eventId: null, findings: [] };
  const evidence = others.slice(0, 10).map(({ event_id }) => ({ event_id }));
  const count = `${more ? 'At least ' : ''}${others.length} more of this entity`;
  const text = `${count} ${others.length === 1 ? 'lies' : 'lie'} within an hour of that time; this is the nearest.`;
  return { row: nearest, eventId: nearest.event_id, findings: [{ code: 'NEAREST_OF_SEVERAL', text, evidence }] };
}

interface Checked {
  /** Null if they were not read. */
  readonly bytes: BytesCheck | null;
  /** The first receipt, read again; null if its bytes have changed. */
  readonly first: ParsedRecord | null;
  /** The rejected receipt of which this one is the corrected copy. */
  readonly original?: ReceiptAddress | null;
  /** The sequence number of its pack in the log. */
  readonly sequence?: number | null | undefined;
}

function sentAgain(original: ReceiptAddress | null): Finding[] {
  if (original === null) return [];
  const { pack_id, line } = original;
  const text = 'Its first receipt is a corrected copy of a rejected receipt; the original is kept.';
  return [{ code: 'SENT_AGAIN', text, evidence: [{ pack_id, line }] }];
}

/** Reads the bytes again, derives the event from them and compares it with its row. */
async function checkBytes(read: PackReader, row: EventRow): Promise<Checked> {
  try {
    const envelopes = await read(row.pack_id);
    const envelope = envelopes[row.line];
    if (envelope === undefined) return { bytes: { state: 'CORRUPT', text: 'The pack has no such line.' }, first: null };
    const first = parsedEnvelope(envelope);
    const { event } = first;
    const body = new TextDecoder().decode(envelopeBody(envelope));
    if (event?.event_id !== row.event_id || event.payload_hash !== row.payload_hash) {
      return {
        bytes: { state: 'DIFFERS', text: 'The bytes in the log differ from those that were indexed.', body },
        first: null,
      };
    }
    return {
      bytes: { state: 'OK', text: 'Read again now: identity and payload hash agree.', body },
      first,
      original: envelope.reingest_of ?? null,
      sequence: envelopes[0]?.sequence ?? null,
    };
  } catch (error) {
    if (!KitError.is(error) || (error.code !== 'RAW_MISSING' && error.code !== 'RAW_CORRUPT')) throw error;
    const state = error.code === 'RAW_MISSING' ? 'MISSING' : 'CORRUPT';
    return { bytes: { state, text: error.message }, first: null };
  }
}

/** Adds findings on how payloads differ from the first: one per conflict, and one for all repeats. */
async function payloadFindings(
  read: PackReader,
  { first, deliveries }: { first: ParsedRecord | null; deliveries: readonly DeliveryRow[] },
  findings: Finding[],
): Promise<void> {
  const repeats: ParsedRecord[] = [];
  const rows: DeliveryRow[] = [];
  for (const delivery of deliveries) {
    const isConflict = delivery.outcome === 'CONFLICT';
    // A repeat differs only in volatile members, of the first receipt or of this one.
    const mayDiffer = isConflict || first?.volatile !== undefined || (delivery.flags & flagBit('VOLATILE')) !== 0;
    if (first === null || first.event === null || !mayDiffer) continue;
    const envelope = await read(delivery.pack_id).then((pack) => pack[delivery.line], unlessEnded);
    const again = envelope === undefined ? null : parsedEnvelope(envelope);
    if (again === null || again.event === null) continue;
    if (isConflict) findings.push(conflictFinding(first, again, delivery));
    else {
      repeats.push(again);
      rows.push(delivery);
    }
  }
  if (first !== null) for (const one of volatileFindings(first, repeats, rows)) findings.push(one);
}
