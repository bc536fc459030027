import { Captured } from './capture.ts';
import type { Gaps } from './gaps.ts';
import { type Owner, Sent } from './sent.ts';
import { seriesOf } from './series.ts';

/** The reserved type of the event in which a producer tells of itself; see docs/decisions. */
export const PRODUCER_REPORT = 'pik.producer.report';

/** What a producer tells of itself. */
export interface ReportContent extends Gaps {
  /** The number of the last event that was emitted. */
  readonly last_seq: number;
  /** Nothing comes after `last_seq`. */
  readonly closed: boolean;
}

/** A report on its way: an event of its own identity, which is not one of the producer's count. */
export class ReportSent extends Sent {
  readonly content: ReportContent;

  constructor(reporter: Owner, source: string, content: ReportContent) {
    const now = new Date();
    // A backfill asks for a receive time of each record; elsewhere it is not read.
    const options = { entity_id: reporter.producer_id, event_time: now, received_at: now };
    const captured = new Captured(seriesOf(source, PRODUCER_REPORT), content, options);
    super(reporter, captured, 0);
    this.content = content;
  }
}
