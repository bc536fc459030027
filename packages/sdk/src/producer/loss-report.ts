import { capture } from './capture.ts';
import { type Owner, PendingEvent } from './pending-event.ts';
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

/** The producer's loss report as an event; it takes no sequence number. */
export class LossReport extends PendingEvent {
  readonly content: ReportContent;

  constructor(owner: Owner, source: string, content: ReportContent) {
    const now = new Date();
    // A backfill requires a receive time; otherwise it is ignored.
    const options = { entity_id: owner.producer_id, event_time: now, received_at: now };
    super(owner, capture({ series: seriesOf(source, PRODUCER_REPORT), isDeferred: false }, content, options), 0);
    this.content = content;
  }
}
