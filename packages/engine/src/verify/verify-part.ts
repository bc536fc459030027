import type { VerifyPage } from '@pik/schema';

/** The place where the walk along the log continues. */
export interface LogPlace {
  readonly fromMs: number;
  /** The last pack that was checked. */
  readonly after: string;
}

/** The place where the walk along the index continues. */
export interface IndexPlace {
  readonly table: 'addresses' | 'failures' | 'slices';
  readonly cursor: string | null;
}

/** The place where the walk along versions and replays continues. */
export interface HistoryPlace {
  readonly part: 'versions' | 'version files' | 'replays' | 'replay files';
  readonly cursor: string | null;
}

/** The place where the walk along closed hours continues. */
export interface HoursPlace {
  readonly fromMs: number;
}

/** The place where the walk continues, and the digest so far. */
export interface VerifyPlace {
  readonly digest: string;
  /** Set if only packs and hours stored since then are checked. */
  readonly sinceMs?: number | undefined;
  readonly log?: LogPlace;
  readonly index?: IndexPlace;
  readonly history?: HistoryPlace;
  readonly hours?: HoursPlace;
}

/** The counts of a part that reads no pack and no version. */
export const NOTHING_COUNTED = { packs: 0, receipts: 0, versions: 0, counts: {} } as const;

/** The result of one part of the walk, and where the next one starts. */
export interface VerifyPart extends Omit<VerifyPage, 'next_cursor'> {
  readonly next: VerifyPlace | null;
}
