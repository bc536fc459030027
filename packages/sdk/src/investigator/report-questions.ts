import type {
  CompletenessReport,
  DuplicatesReport,
  FailuresReport,
  GapsReport,
  LagReport,
  ReingestAnswer,
  ReingestBody,
} from '@pik/schema';

import { type Asking, ask, type CallOptions, type Query, wire } from './ask.ts';
import type { CompletenessSelection, FailuresSelection, GapsSelection, ReportSelection } from './selections.ts';

/**
 * What an investigator is asked about many events at once. An answer is one page of the report's list (groups, gaps, days, and
 * of duplicates the repeated events too) and has all else whole; its `next_cursor` leads to the next one. A report throws
 * `CURSOR_INVALID` for a cursor of another selection, and where its list is not what it was on the page before.
 */
export interface ReportQuestions {
  lag(selection?: LagSelection, options?: CallOptions): Promise<LagReport>;
  duplicates(selection?: DuplicatesSelection, options?: CallOptions): Promise<DuplicatesReport>;
  /** What fails, of which series, ranked by the surest rate; the range is of receive times. */
  failures(selection?: FailuresSelection, options?: CallOptions): Promise<FailuresReport>;
  /** Which windows of a calendar are missing, each with its cause. */
  gaps(selection?: GapsSelection, options?: CallOptions): Promise<GapsReport>;
  /** How complete each event day is, and when an open one will be. */
  completeness(selection?: CompletenessSelection, options?: CallOptions): Promise<CompletenessReport>;
  /**
   * Sends rejected receipts again: with `body` as mended records, without it as they are. Needs the scope `ingest`. Safe to
   * repeat: what was accepted is a repeat the second time. With `dryRun` the outcomes are those that they would have now, and
   * nothing is sent. Throws `RECEIPT_UNKNOWN`, `REQUEST_INVALID`.
   */
  reingest(
    receipts: ReingestBody['receipts'],
    options?: CallOptions & { readonly dryRun?: boolean | undefined },
  ): Promise<ReingestAnswer>;
}

/** A lag report's selection. */
export type LagSelection = ReportSelection & {
  /** Arrivals strictly later than this count as late, in milliseconds. Default two hours. */
  readonly late_over_ms?: number | undefined;
  /** Events named as the worst. Default ten, at most 5,000. */
  readonly worst?: number | undefined;
};

/** A duplicates report's selection. */
export type DuplicatesSelection = ReportSelection & {
  /** Repeated events of one page. Default ten, at most 5,000. */
  readonly worst?: number | undefined;
};

/** The questions over a connection. */
export function reportQuestions(asking: Asking): ReportQuestions {
  const query = ({ by, ...selection }: { by?: readonly string[] | undefined }): Query => ({
    ...wire(selection),
    by: by?.join(','),
  });
  return {
    lag: (selection = {}, call) => ask(asking, 'lag', { query: query(selection), ...call }),
    duplicates: (selection = {}, call) => ask(asking, 'duplicates', { query: query(selection), ...call }),
    failures: (selection = {}, call) => ask(asking, 'failures', { query: query(selection), ...call }),
    gaps: (selection = {}, call) => ask(asking, 'gaps', { query: query(selection), ...call }),
    completeness: (selection = {}, call) => ask(asking, 'completeness', { query: query(selection), ...call }),
    reingest: (receipts, { dryRun, ...call } = {}) =>
      ask(asking, 'reingest', { body: { receipts }, query: { dry_run: dryRun }, ...call }),
  };
}
