import type { Page } from './queries.ts';

/** Selects records of the audit by the time at which they were recorded, in milliseconds. */
export interface AuditRange {
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
  readonly cursor?: string | null | undefined;
}

/** The records of the audit, in a place of their own. The log and the index know nothing of them. */
export interface AuditStore {
  /**
   * Appends records as lines without a line feed. Durable on return; if it rejects, none, some or all of them are kept.
   *
   * @throws KitError `STORE_UNAVAILABLE`, `STORAGE_FULL`.
   */
  append(lines: readonly string[], nowMs: number): Promise<void>;
  /** Lines, the latest first. The days of the range are exact to a day: the caller compares times. A page may be empty. */
  list(range: AuditRange): Promise<Page<string>>;
  /** Removes the days that ended before a time. Returns their number. A repeat removes what an interrupted one left. */
  removeBefore(ms: number): Promise<number>;
  /** Closes the file that it holds open. */
  close(): Promise<void>;
}
