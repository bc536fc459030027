import { Captured } from './capture.ts';
import { type Owner, PendingEvent } from './pending-event.ts';
import type { SequenceGaps } from './sequence-gaps.ts';
import { seriesOf } from './series.ts';

/** The reserved type of the event in which a producer tells of itself; see docs/decisions. */
export const PRODUCER_REPORT = 'pik.producer.report';

/** What a producer tells of itself. */
export interface ReportContent extends SequenceGaps {
  /** The number of the last event that was emitted. */
  readonly last_seq: number;
  /** Nothing comes after `last_seq`. */
  readonly closed: boolean;
}

/** A report on its way: an event of its own identity, which is not one of the producer's count. */
export class LossReport extends PendingEvent {
  readonly content: ReportContent;

  constructor(owner: Owner, source: string, content: ReportContent) {
    const now = new Date();
    // A backfill asks for a receive time of each record; elsewhere it is not read.
    const options = { entity_id: owner.producer_id, event_time: now, received_at: now };
    const captured = new Captured(seriesOf(source, PRODUCER_REPORT), content, options);
    super(owner, captured, 0);
    this.content = content;
  }
}
