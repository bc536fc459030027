import type { WindowTarget } from './history-rows.ts';
import type { FailureKind } from './rows.ts';

/** A page of a listing; `next` is null on the last page. An empty page may still have a next one. */
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

/** A half-open span of storage times. */
export interface StoredSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Selects slices. Without `withEntries`, `entries` of each slice is an empty array. */
export interface SliceQuery {
  readonly fromDay: number;
  readonly toDay: number;
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
  readonly withEntries: boolean;
  readonly cursor?: string | null;
  /** The `next` of a page of this listing: slices after that position are excluded, including ones added since. */
  readonly until?: string | undefined;
  /** Disjoint spans whose packs the caller does not need: a listing may leave out their slices. */
  readonly skip?: readonly StoredSpan[] | undefined;
}

/** Selects failures and their order. */
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

/** The kinds of failures that are listed if a query names none. */
export const FAILURES: readonly FailureKind[] = ['REJECT', 'CONFLICT', 'PROCESSING'];

/** All kinds. */
export const FAILURES_AND_WARNINGS: readonly FailureKind[] = [...FAILURES, 'WARNING'];

/** Selects versions: of one window, of all windows of a metric and key, or all versions. */
export interface VersionQuery extends Partial<WindowTarget> {
  readonly limit: number;
  readonly cursor?: string | null;
}
