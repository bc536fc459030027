import { capture } from './capture.ts';
import type { Captured } from './captured.ts';
import type { SequenceGaps } from './sequence-gaps.ts';
import { seriesOf } from './series.ts';

/** Reserved event type of a producer's loss report; see docs/decisions. */
export const PRODUCER_REPORT = 'pik.producer.report';

/** Payload of a loss report: the sequence numbers that the backend will never receive. */
export interface ReportContent extends SequenceGaps {
  /** Sequence number of the last emitted event. */
  readonly last_seq: number;
  /** True if no event follows `last_seq`. */
  readonly closed: boolean;
}

/** The loss report of a producer as an event; it takes no sequence number. */
export function captureReport(producerId: string, source: string, content: ReportContent): Captured {
  const now = new Date();
  // A backfill requires a receive time; otherwise it is ignored.
  const options = { entity_id: producerId, event_time: now, received_at: now };
  return capture({ series: seriesOf(source, PRODUCER_REPORT), isDeferred: false }, content, options);
}
