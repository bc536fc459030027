import {
  floorToHour,
  KitError,
  LIMITS,
  MS_PER_DAY,
  PRODUCER_REPORT_TYPE,
  packStoredMs,
  producerReportSchema,
  timelineBound,
} from '@pik/schema';
import { coveredSpans } from '../cells/rules/covered-spans.ts';
import { intervalsOf } from '../cells/rules/intervals.ts';
import { receivedPayload } from '../ingest/rules/received-payload.ts';
import type { CellSource, ClosedHour } from '../ports/closed-hours.ts';
import type { Page, StoredSpan } from '../ports/queries.ts';
import type { EventRow, SequenceRow } from '../ports/rows.ts';
import { unlessEnded } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { createPackReader } from './raw-events.ts';
import { lostRanges, type SequenceRange } from './rules/producer-loss.ts';
import { EVENT_TIME_END, EVENT_TIME_START } from './timeline.ts';

/** The numbers that a producer lost, and its own loss notices. */
export interface ProducerLoss {
  readonly producerId: string;
  readonly lost: readonly SequenceRange[];
  readonly closed: boolean;
  /** Its own loss notices, as evidence. */
  readonly reports: readonly { event_id: string; pack_id: string; line: number }[];
}

/** Finds the assigned numbers of a producer that had not arrived by `asOfMs`; null if there are too many requests to read. */
export async function producerLoss(context: Context, producerId: string, asOfMs: number): Promise<ProducerLoss | null> {
  const seen = await readNumbers(context, producerId, asOfMs);
  if (seen === null) return null;
  const said = await readReports(context, producerId, asOfMs);
  return {
    producerId,
    lost: lostRanges({ seen, dropped: said.dropped, lastSeq: said.lastSeq }),
    closed: said.closed,
    reports: said.rows.map(({ event_id, pack_id, line }) => ({ event_id, pack_id, line })),
  };
}

/** The numbers that had arrived by `asOfMs`; null if they are in too many rows. */
async function readNumbers(context: Context, producerId: string, asOfMs: number): Promise<SequenceRange[] | null> {
  const { index } = context.backend;
  const seen: SequenceRange[] = [];
  let skip: readonly StoredSpan[] = [];
  let cursor: string | null = null;
  let packs = 0;
  do {
    const page: Page<SequenceRow> = await index.listSequences(producerId, cursor, skip);
    packs += page.items.length;
    if (packs > LIMITS.producer_packs_max) return null;
    for (const { ranges, received_ms } of page.items)
      for (const [first, last, laterMs = 0] of ranges) if (received_ms + laterMs <= asOfMs) seen.push([first, last]);
    const last = page.items.at(-1);
    // Most producers have few rows: files are only opened for one with more than a page.
    if (cursor === null && page.next !== null && last !== undefined) {
      const closed = await closedNumbers(context, { producerId, asOfMs, fromMs: packStoredMs(last.pack_id) });
      for (const range of closed.seen) seen.push(range);
      skip = closed.skip;
    }
    cursor = page.next;
  } while (cursor !== null);
  return seen;
}

const END_OF_IDS_MS = 2 ** 47;

/** The numbers of a producer in closed hours that were stored from a time on, and the spans in which these are all. */
async function closedNumbers(
  { backend: { closedHours } }: Context,
  { producerId, asOfMs, fromMs }: { producerId: string; asOfMs: number; fromMs: number },
): Promise<{ seen: SequenceRange[]; skip: StoredSpan[] }> {
  const seen: SequenceRange[] = [];
  const whole: ClosedHour[] = [];
  const take = async (of: CellSource): Promise<boolean> => {
    // Until they are made again, damaged files are replaced by the rows.
    const rows = await closedHours?.readIntervals(of).catch(unlessEnded);
    if (rows == null) return false;
    const row = rows.find(({ producer_id }) => producer_id === producerId);
    if (row !== undefined && row.received_max_ms > asOfMs) return false;
    for (const interval of row === undefined ? [] : intervalsOf(row)) seen.push(interval);
    for (const hour of of.hours) whole.push(hour);
    return true;
  };
  const hours = (await closedHours?.list({ fromMs: floorToHour(fromMs), toMs: END_OF_IDS_MS })) ?? [];
  for (const ofDay of Map.groupBy(hours, ({ hour_ms }) => Math.floor(hour_ms / MS_PER_DAY)).values()) {
    const isWhole = ofDay.length > 1 && ofDay.every(({ hasLate }) => !hasLate);
    if (isWhole && (await take({ hours: ofDay, isDay: true }))) continue;
    for (const hour of ofDay) if (!hour.hasLate) await take({ hours: [hour], isDay: false });
  }
  return { seen, skip: coveredSpans(whole) };
}

interface Said {
  readonly rows: EventRow[];
  readonly dropped: SequenceRange[];
  lastSeq: number | null;
  closed: boolean;
}

async function readReports(context: Context, producerId: string, asOfMs: number): Promise<Said> {
  const said: Said = { rows: [], dropped: [], lastSeq: null, closed: false };
  const read = createPackReader(context);
  const range = {
    from: timelineBound(producerId, EVENT_TIME_START),
    to: timelineBound(producerId, EVENT_TIME_END),
    asOfMs,
    limit: LIMITS.page_items_max,
  };
  for await (const row of readPages((cursor) => context.backend.index.listTimeline({ ...range, cursor }))) {
    if (row.event_type !== PRODUCER_REPORT_TYPE || row.entity_id !== producerId) continue;
    const payload = await reportOf(read, row);
    if (payload === null) continue;
    said.rows.push(row);
    for (const one of payload.dropped ?? []) said.dropped.push(one);
    if (typeof payload.last_seq === 'number') said.lastSeq = Math.max(said.lastSeq ?? 0, payload.last_seq);
    said.closed = said.closed || payload.closed === true;
  }
  return said;
}

/** The payload of a loss notice; null if its bytes are gone or invalid, since then it proves nothing. */
async function reportOf(read: ReturnType<typeof createPackReader>, row: EventRow) {
  try {
    const envelope = (await read(row.pack_id))[row.line];
    if (envelope === undefined) return null;
    const parsed = producerReportSchema.safeParse(receivedPayload(envelope));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError || KitError.is(error)) return null;
    throw error;
  }
}
