import type { WindowTarget } from './history-rows.ts';
import type { FailureKind } from './rows.ts';

/** A page of a listing; `next` is null after the last one. A page may be empty and still have a next. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** A range of timeline positions, as of a receive time. */
export interface PositionRange {
  readonly from: string;
  readonly to: string;
  readonly asOfMs: number;
  readonly limit: number;
  readonly cursor?: string | null;
}

/** Which slices to read. Without `withEntries` the packed receipts are left out, an empty array in their place. */
export interface SliceQuery {
  readonly fromDay: number;
  readonly toDay: number;
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
  readonly withEntries: boolean;
  readonly cursor?: string | null;
  /** The `next` of a page of this listing: what comes after that place is left out, whatever came in meanwhile. */
  readonly until?: string | undefined;
}

/** Which failures to read, and in which order. */
export interface FailureQuery {
  /** Default: the latest received first. */
  readonly oldestFirst?: boolean;
  readonly fromMs: number;
  readonly toMs: number;
  readonly code?: string | undefined;
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
  /** Only rejected receipts that name the entity of this hash. */
  readonly entity_hash?: string | undefined;
  /** Default: all but warnings. */
  readonly kinds?: readonly FailureKind[] | undefined;
  readonly limit: number;
  readonly cursor?: string | null;
}

/** The kinds of failures that are listed where a query names none. */
export const FAILURES: readonly FailureKind[] = ['REJECT', 'CONFLICT', 'PROCESSING'];

/** All kinds. */
export const FAILURES_AND_WARNINGS: readonly FailureKind[] = [...FAILURES, 'WARNING'];

/** Which versions to read: of one window, of all windows of a metric and key, or without either all there are. */
export interface VersionQuery extends Partial<WindowTarget> {
  readonly limit: number;
  readonly cursor?: string | null;
}
