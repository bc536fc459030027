import { KitError, LIMITS, PRODUCER_REPORT_TYPE, producerReportSchema, timelineBound } from '@pik/schema';
import { receivedPayload } from '../ingest/rules/received-payload.ts';
import type { EventRow } from '../ports/rows.ts';
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
  const seen: SequenceRange[] = [];
  let packs = 0;
  for await (const row of readPages((cursor) => context.backend.index.listSequences(producerId, cursor))) {
    if (++packs > LIMITS.producer_packs_max) return null;
    for (const [first, last, laterMs = 0] of row.ranges)
      if (row.received_ms + laterMs <= asOfMs) seen.push([first, last]);
  }
  const said = await readReports(context, producerId, asOfMs);
  return {
    producerId,
    lost: lostRanges({ seen, dropped: said.dropped, lastSeq: said.lastSeq }),
    closed: said.closed,
    reports: said.rows.map(({ event_id, pack_id, line }) => ({ event_id, pack_id, line })),
  };
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
