import type { SliceRow } from './rows.ts';

/** The fields that the receipts of a cell have in common. */
export interface CellKey extends Pick<SliceRow, 'source' | 'event_type' | 'imported'> {
  /** Number of the window of event time. */
  readonly event_window: number;
  /** Number of the window of receive time. */
  readonly received_window: number;
}

/** A cell as a row of plain columns. Columns of bytes are empty if there is nothing to encode; `cells/rules/cell-codec.ts` reads them. */
export interface CellRow extends CellKey {
  readonly accepted: number;
  readonly duplicates: number;
  readonly conflicts: number;
  /** The event times of all receipts. */
  readonly event_min_ms: number;
  readonly event_max_ms: number;
  /** The receive times of all receipts. */
  readonly received_min_ms: number;
  readonly received_max_ms: number;
  /** The receive times of first arrivals; null without any. */
  readonly first_received_min_ms: number | null;
  readonly first_received_max_ms: number | null;
  /** Histograms. */
  readonly lag: Uint8Array;
  readonly delay: Uint8Array;
  readonly produce: Uint8Array;
  readonly transport: Uint8Array;
  /** The receipts at both ends of the lags. */
  readonly extremes: Uint8Array;
  readonly worst: Uint8Array;
  readonly event_hours: Uint8Array;
  readonly received_hours: Uint8Array;
  readonly event_minutes: Uint8Array;
  readonly received_minutes: Uint8Array;
  readonly arrivals: Uint8Array;
  /** The order of first arrivals among all receipts of the file; empty if it was not counted. */
  readonly order: Uint8Array;
}

/** The sequence numbers of a producer in a closed hour or day; `cells/rules/intervals.ts` reads the bytes. */
export interface IntervalsRow {
  readonly producer_id: string;
  /** The last receive time of them. */
  readonly received_max_ms: number;
  readonly intervals: Uint8Array;
}

/** The entities and repeated events of the cell with this key; `cells/rules/identities.ts` reads the bytes. */
export interface IdentitiesRow extends CellKey {
  /** Its entities. */
  readonly entities: Uint8Array;
  /** Its repeated events, with the number of their repeats in it. */
  readonly repeated: Uint8Array;
}
