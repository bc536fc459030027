import type { IdentityRule, ReceiptAddress } from '@pik/schema';

import type { WindowTarget } from './history-rows.ts';

/** The outcomes of receipts that carry an event. */
export type EventOutcome = 'ACCEPTED' | 'DUPLICATE' | 'CONFLICT';

/** The facts of one receipt of an event, which first and further receipts have. Times are in milliseconds. */
interface ReceiptFacts extends ReceiptAddress {
  readonly event_id: string;
  /** A further receipt has it only if it may become the first. */
  readonly producer_id: string | null;
  readonly producer_seq: number | null;
  readonly event_ms: number;
  /** Nanoseconds beyond `event_ms`, 0 to 999,999. */
  readonly event_sub_ns: number;
  readonly received_ms: number;
  readonly sent_ms: number | null;
  readonly payload_hash: string;
  /** Bit set of `EVENT_FLAGS`. */
  readonly flags: number;
  /** The order among imports that claim the same receive time, as fixed-width text; null for a live receipt. */
  readonly rank: string | null;
}

/** The fields that make an event the one that it is. */
export interface IdentifiedEvent {
  /** The event id with the event time in it, so that text order is time order; equals the id unless the event is keyed. */
  readonly position: string;
  readonly rule: IdentityRule;
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly idempotency_key: string | null;
}

/**
 * The first receipt of an event: dedupe, index and address in one row. A repeat never changes it, but if imports are
 * involved, another receipt may turn out to be the first (`ingest/rules/first-receipt.ts`). Times are in milliseconds.
 */
export interface EventRow extends ReceiptFacts, IdentifiedEvent {
  /** From this time on a repeat is a new event, whether or not the row has been deleted. `Infinity`: never. */
  readonly expires_ms: number;
  /** True once a live receipt of the event exists: its payload stays, whatever imports claim. */
  readonly live: boolean;
  /** The outcome of this receipt when it arrived; not ACCEPTED if it became the first receipt later. */
  readonly answered: EventOutcome;
}

/** The result of the conditional insert of one row. `present` includes the stored row; `throttled` means undecided. */
export type Insertion =
  | { readonly kind: 'inserted'; readonly replaced_expired: boolean }
  | {
      readonly kind: 'present';
      readonly stored: EventRow;
      /** The first receipt from now on, if it differs from the stored one. */
      readonly first?: EventRow;
      /** The outcome that an earlier attempt to admit this receipt already stored. */
      readonly answered?: EventOutcome;
    }
  | { readonly kind: 'throttled' };

/** A further receipt of an event. */
export interface DeliveryRow extends ReceiptFacts {
  /** The outcome compared with the first receipt; follows from the payloads and is never stored. */
  readonly outcome: 'DUPLICATE' | 'CONFLICT';
  /** The outcome that was answered; ACCEPTED if it was the first receipt until an import with an earlier claim came. */
  readonly answered: EventOutcome;
  readonly expires_ms: number;
}

/** The kinds of failures. */
export type FailedKind = 'REJECT' | 'CONFLICT' | 'PROCESSING';

/** The kinds of rows in a listing of failures. A `WARNING` is not a failure: its receipts were accepted. */
export type FailureKind = FailedKind | 'WARNING';

/**
 * A rejected receipt, a conflict, a window that could not be computed, or a warning, listed by the day of receipt. The
 * address of a failed window is that of the event at fault, or of any input if no single event is.
 */
export interface FailureRow extends ReceiptAddress {
  readonly kind: FailureKind;
  /** The number of receipts of a request that a warning covers; its address is that of the first. Absent: one. */
  readonly receipts?: number;
  readonly stage: string;
  readonly code: string;
  readonly path: string | null;
  readonly detail: string | null;
  readonly source: string | null;
  readonly event_type: string | null;
  readonly event_id: string | null;
  /** `entityHash` of the entity that a rejected record names; null for other kinds, and if none can be read. */
  readonly entity_hash: string | null;
  /** The window that could not be computed; null for other kinds. */
  readonly window: WindowTarget | null;
  readonly received_ms: number;
  readonly expires_ms: number;
  /** For a CONFLICT that another import may resolve: compared with the first receipt on each read. Null once it is final. */
  readonly payload_hash: string | null;
}

/** A receipt whose entry in a slice may be outdated: readers of the slice consult the EVENT row. */
export interface RecheckRow extends ReceiptAddress {
  readonly event_id: string;
  readonly source: string;
  readonly event_type: string;
  readonly event_day: number;
  readonly expires_ms: number;
}

/** One receipt inside a slice. */
export interface SliceEntry {
  readonly event_id: string;
  readonly outcome: EventOutcome;
  readonly event_ms: number;
  readonly event_sub_ns: number;
  readonly received_ms: number;
  readonly payload_hash: string;
  readonly line: number;
  readonly sent_ms: number | null;
  /** The receive time of the event's first receipt; null for the first receipt itself. */
  readonly first_received_ms: number | null;
}

/** All receipts of one pack with the same source, type and event day, packed, with precomputed figures for reports. */
export interface SliceRow {
  readonly pack_id: string;
  readonly source: string;
  readonly event_type: string;
  /** Days since 1970-01-01 of the event time in UTC. */
  readonly event_day: number;
  readonly received_min_ms: number;
  readonly received_max_ms: number;
  readonly imported: boolean;
  readonly accepted: number;
  readonly duplicates: number;
  readonly conflicts: number;
  /** Histogram of the lag of accepted receipts (`statistics/histogram.ts`). */
  readonly lag: Uint8Array;
  /** Histogram of the time from the first receipt to a repeat. */
  readonly delay: Uint8Array;
  /** The encoded receipts (`storage/rules/slice-codec.ts`). */
  readonly entries: Uint8Array;
  readonly expires_ms: number;
}

/** A slice to be written. */
export interface NewSliceRow extends SliceRow {
  /**
   * The receipts behind `entries`, in order of their lines, if its maker has them: `entries` is then encoded when it is read for
   * the first time, so a backend that keeps these receipts elsewhere saves that.
   */
  readonly receipts?: readonly SliceEntry[];
}

/** Inclusive numbers, and by how many milliseconds they were received after the first ones of their row if not with them. */
export type SequenceRange = readonly [first: number, last: number, laterMs?: number];

/** The sequence numbers of a producer in one pack, regardless of outcomes. */
export interface SequenceRow {
  readonly producer_id: string;
  readonly pack_id: string;
  /** In order of receive time, then of number. */
  readonly ranges: readonly SequenceRange[];
  /** The receive time of the first ones. */
  readonly received_ms: number;
  readonly expires_ms: number;
}

/** A request in a pack. */
export interface PackedRequest {
  readonly request_id: string;
  readonly principal: string | null;
  /** The number of its receipts: the lines after those of the requests before it. */
  readonly lines: number;
}

/** A completely admitted pack: the row exists only once each of its lines has an outcome. */
export interface PackRow {
  readonly pack_id: string;
  readonly sha256: string;
  readonly bytes: number;
  /** One letter of `OUTCOME_LETTERS` per line. */
  readonly outcomes: string;
  /** The requests in the pack, in order of their lines. */
  readonly requests: readonly PackedRequest[];
  /** A pack holds live receipts or those of one import, never both. */
  readonly imported: boolean;
  readonly received_min_ms: number;
  readonly received_max_ms: number;
  readonly expires_ms: number;
  /** Its number in the order of the log, if one process owns the log; not stored with the row. */
  readonly sequence?: number | null | undefined;
}

/** The rows of a pack other than its EVENT rows; `pack` is null while a line is undecided. */
export interface RequestRows {
  readonly deliveries: readonly DeliveryRow[];
  readonly failures: readonly FailureRow[];
  readonly slices: readonly NewSliceRow[];
  readonly sequences: readonly SequenceRow[];
  readonly pack: PackRow | null;
}

/** The address of an indexed receipt, and the outcome that its row says was answered. */
export interface IndexedAddress extends ReceiptAddress {
  readonly event_id: string;
  readonly kind: 'EVENT' | 'DELIVERY';
  readonly answered: EventOutcome;
}
