import type { IdentityRule, ReceiptAddress } from '@pik/schema';

import type { IdentitiesRow, IntervalsRow } from './cell-row.ts';
import type { Page } from './queries.ts';
import type { EventOutcome, SliceRow } from './rows.ts';

/** The files of a closed hour: their keys, sizes and SHA-256. */
export interface HourFile {
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** The bounds of the receipts in a file of columns, so that readers skip files: its series, and its times. */
export interface ColumnZone {
  readonly receipts: number;
  readonly event_min_ms: number | null;
  readonly event_max_ms: number | null;
  readonly received_min_ms: number;
  readonly received_max_ms: number;
}

/**
 * The commit of a closed hour: its packs are final, and what is derived from them is in files. Rows are never changed: a pack
 * that is found later makes the next generation, and derived files that are made again make the next revision.
 */
export interface HourRow {
  /** The start of the stored hour. */
  readonly hour_ms: number;
  /** 1, 2, 3 …: grows with the packs of the hour. */
  readonly generation: number;
  /** 0, 1, 2 … of a generation: grows when its derived files are made again. */
  readonly revision: number;
  /** The root over the salted packs of the generation, in hexadecimal. Equal in all of its revisions. */
  readonly root: string;
  readonly packs: number;
  /** The lines of its packs, erased ones too. */
  readonly receipts: number;
  /** Those whose receipts were erased; absent: none. Cells and columns leave them out. */
  readonly erased?: number;
  /** Lines by answered outcome letter. */
  readonly counts: Readonly<Record<string, number>>;
  readonly first_pack_id: string;
  readonly last_pack_id: string;
  readonly received_min_ms: number;
  readonly received_max_ms: number;
  /** The event times of all its events; null if it has none. */
  readonly event_min_ms: number | null;
  readonly event_max_ms: number | null;
  readonly closed_ms: number;
  /** The version of the form of cells and columns, and of the library that writes them. */
  readonly form: string;
  /** The packs of the generation with the hashes of their bytes. */
  readonly packs_file: HourFile;
  /** The outcomes that were answered. */
  readonly outcomes_file: HourFile;
  /** The seeds of the salts under the root. */
  readonly seeds_file: HourFile;
  /** Cells of all receipts but the moved ones. */
  readonly cells_file: HourFile;
  /** The identities of these cells; absent in rows of earlier versions. */
  readonly identities_file?: HourFile;
  /** The sequence numbers of producers; absent in rows of earlier versions. */
  readonly intervals_file?: HourFile;
  /** Its receipts, each file sorted by series, entity and time, as they were admitted. */
  readonly columns: readonly ColumnFile[];
  /** The receipts whose events have been moved to another first receipt by then; null if there are none. */
  readonly moved_file: HourFile | null;
  readonly moved: number;
  /** The words of its packs; absent in rows of earlier versions. */
  readonly words?: readonly WordsFile[];
}

/** A file with a filter of words for each pack of a part of an hour. */
export interface WordsFile extends HourFile {
  readonly first_pack_id: string;
  readonly last_pack_id: string;
}

/** A file of columns. */
export interface ColumnFile extends HourFile {
  readonly zone: ColumnZone;
}

/** The common fields of a receipt of a closed hour. */
interface ReceiptFields extends ReceiptAddress {
  readonly request_id: string;
  /** Its place in its request. */
  readonly request_line: number;
  readonly imported: boolean;
  readonly received_ms: number;
}

/** A receipt that carries an event. */
export interface ClosedEvent extends ReceiptFields {
  /** The outcome that was answered; it never changes. */
  readonly answered: EventOutcome;
  /** The outcome compared with the first receipt of now. */
  readonly outcome: EventOutcome;
  /** The receive time of the first receipt of now; null for the first receipt itself. */
  readonly first_received_ms: number | null;
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly event_id: string;
  readonly rule: IdentityRule;
  readonly idempotency_key: string | null;
  readonly event_ms: number;
  readonly event_sub_ns: number;
  readonly sent_ms: number | null;
  readonly payload_hash: string;
  readonly producer_id: string | null;
  readonly producer_seq: number | null;
  readonly flags: number;
}

/** A rejected receipt. */
export interface ClosedReject extends ReceiptFields {
  readonly answered: 'REJECTED';
  readonly outcome: 'REJECTED';
  readonly code: string;
  /** Null if it could not be read. */
  readonly source: string | null;
  readonly event_type: string | null;
}

/** A receipt of a closed hour, as its columns hold it. */
export type ClosedReceipt = ClosedEvent | ClosedReject;

/** Selects receipts of an hour; bounds of time are half-open. Columns that cannot hold any are not read. */
export interface ReceiptFilter {
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
  readonly eventFromMs?: number | undefined;
  readonly eventToMs?: number | undefined;
  readonly receivedFromMs?: number | undefined;
  readonly receivedToMs?: number | undefined;
}

/**
 * The closed hours as questions read them. Everything is compared with the first receipts of now, as slices are: an import
 * that became a first receipt since an hour was closed is taken into account.
 */
export interface ClosedHours<C> {
  /**
   * The hours stored in `[fromMs, toMs)` that are closed, in their latest form, oldest first. Packs of other hours, and packs of
   * these hours for which `covers` is false, are in slices.
   */
  list(range: { readonly fromMs: number; readonly toMs: number }): Promise<readonly ClosedHour[]>;
  /** The cells of an hour. */
  readCells(hour: ClosedHour): Promise<readonly C[]>;
  /** The cells of a stored day, by day, in place of those of these hours, which are all of its closed ones; null if there are none. */
  readDay(hours: readonly ClosedHour[]): Promise<readonly C[] | null>;
  /**
   * The identities of the cells of an hour, or with `isDay` of the cells of the stored day in place of those of its hours. Null if there
   * are none: they were not made, or a receipt may have moved.
   */
  readIdentities(cells: CellSource): Promise<readonly IdentitiesRow[] | null>;
  /** The sequence numbers of all producers in an hour, or with `isDay` in a stored day; null if they were not gathered. */
  readIntervals(of: CellSource): Promise<readonly IntervalsRow[] | null>;
  /** The receipts of an hour that match, file by file; those of a file are in order of series, entity and event time. */
  readReceipts(hour: ClosedHour, filter?: ReceiptFilter): AsyncIterable<ClosedReceipt>;
  /** The times of the first arrivals of an hour. */
  readArrivals(hour: ClosedHour): AsyncIterable<ClosedArrival>;
  /** The filters of words of a file, by pack; an empty one may have any word. */
  readWords(file: WordsFile): Promise<ReadonlyMap<string, Uint8Array>>;
}

/** Cells that were read together: of a closed hour, or of a stored day in place of its hours. */
export interface CellSource {
  readonly hours: readonly ClosedHour[];
  readonly isDay: boolean;
}

/** The series and the times of a first arrival. */
export type ClosedArrival = Pick<ClosedEvent, 'source' | 'event_type' | 'imported' | 'event_ms' | 'received_ms'>;

/** A closed hour, and which packs it covers. */
export interface ClosedHour extends HourRow {
  /** True if its cells and columns hold this pack, which is stored in the hour; false for a pack that was found later. */
  covers(packId: string): boolean;
  /** True if `covers` is false for a pack that is stored in the hour. */
  readonly hasLate: boolean;
}

/** A slice by its key. */
export type SlicePlace = Pick<SliceRow, 'pack_id' | 'event_day' | 'source' | 'event_type'>;

/** A receipt that may not be what its slice says, since an import was involved: the EVENT row decides. */
export interface MovedReceipt extends ReceiptAddress {
  readonly event_id: string;
}

/** The commits of hours in a backend, and the reads that closing an hour needs. */
export interface HourStore {
  /** Slices with their receipts as they were admitted, in the order of the places; null for one that does not exist. */
  readSlices(places: readonly SlicePlace[]): Promise<readonly (SliceRow | null)[]>;
  /** Receipts of packs stored in `[fromMs, toMs)` that may have moved, in order of their addresses. */
  listMoved(range: HourRange): Promise<Page<MovedReceipt>>;
  /**
   * Commits an hour with the packs that it covers, unless it has a row of this generation and revision; returns the stored one.
   * From then on, packs of the hour that it does not cover, and those admitted later, are listed by `listLate`.
   */
  commit(row: HourRow, packIds: readonly string[]): Promise<HourRow>;
  /** Ids of packs of closed hours stored in `[fromMs, toMs)` that the latest row of their hour does not cover, in order. */
  listLate(range: HourRange): Promise<Page<string>>;
  /** The latest rows of the hours that start in `[fromMs, toMs)`, oldest first. */
  list(range: HourRange): Promise<Page<HourRow>>;
}

/** A half-open range of storage times, in milliseconds. */
export interface HourRange {
  readonly fromMs: number;
  readonly toMs: number;
  readonly cursor?: string | null;
}
