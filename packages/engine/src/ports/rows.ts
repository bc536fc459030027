import type { IdentityRule, ReceiptAddress } from '@pik/schema';

import type { WindowTarget } from './history-rows.ts';

/** The outcomes of receipts that carry an event. */
export type EventOutcome = 'ACCEPTED' | 'DUPLICATE' | 'CONFLICT';

/**
 * The first receipt of an event: gate, index and address in one row. A repeat never changes it, but where imports are
 * involved another receipt may turn out to be the first (`ingest/rules/first-receipt.ts`). Times in ms.
 */
export interface EventRow extends ReceiptAddress {
  readonly event_id: string;
  /** The event id with the event's own time in it, so that text order is order of time; equals the id unless keyed. */
  readonly position: string;
  readonly rule: IdentityRule;
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly idempotency_key: string | null;
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
  /** Compared, never left to a deletion: from this time on a repeat is a new event. `Infinity`: never. */
  readonly expires_ms: number;
  /** The order of imports that claim one receive time, as text of one width; null for a live receipt. */
  readonly rank: string | null;
  /** True once a live receipt of the event is there: its payload stays, whatever imports claim. */
  readonly live: boolean;
  /** The outcome that this very receipt was given when it came; another than ACCEPTED where it became the first later. */
  readonly answered: EventOutcome;
}

/** What the conditional insert of one row met. `present` brings the row that was there; `throttled` means not decided. */
export type Insertion =
  | { readonly kind: 'inserted'; readonly replaced_expired: boolean }
  | {
      readonly kind: 'present';
      readonly stored: EventRow;
      /** The first receipt from now on, where that is another than the stored one. */
      readonly first?: EventRow;
      /** What this very receipt was answered before, where an earlier attempt of its admission came so far. */
      readonly answered?: EventOutcome;
    }
  | { readonly kind: 'throttled' };

/** A further receipt of an event. */
export interface DeliveryRow extends ReceiptAddress {
  readonly event_id: string;
  /** What it is beside the first receipt; follows from the payloads, and is never stored. */
  readonly outcome: 'DUPLICATE' | 'CONFLICT';
  /** What it was answered; ACCEPTED for one that was the first until an import with an earlier time came. */
  readonly answered: EventOutcome;
  readonly rank: string | null;
  /** Known of receipts that may become the first; null for others. */
  readonly producer_id: string | null;
  readonly producer_seq: number | null;
  readonly event_ms: number;
  readonly event_sub_ns: number;
  readonly received_ms: number;
  readonly sent_ms: number | null;
  readonly payload_hash: string;
  readonly flags: number;
  readonly expires_ms: number;
}

/** What failed. */
export type FailedKind = 'REJECT' | 'CONFLICT' | 'PROCESSING';

/** What is listed of receipts that need a look. A `WARNING` is no failure: its receipts were taken. */
export type FailureKind = FailedKind | 'WARNING';

/**
 * A rejected receipt, a conflict, a window that could not be computed, or a warning, listed by the day it was received. The
 * address of a failed window is that of the event at fault, or of any input where no single one is.
 */
export interface FailureRow extends ReceiptAddress {
  readonly kind: FailureKind;
  /** Receipts of its request that a warning stands for, of which it names the first; absent: one. */
  readonly receipts?: number;
  readonly stage: string;
  readonly code: string;
  readonly path: string | null;
  readonly detail: string | null;
  readonly source: string | null;
  readonly event_type: string | null;
  readonly event_id: string | null;
  /** `entityHash` of the entity that a rejected record names; null for other kinds, and where none can be read. */
  readonly entity_hash: string | null;
  /** The window that could not be computed; null for other kinds. */
  readonly window: WindowTarget | null;
  readonly received_ms: number;
  readonly expires_ms: number;
  /** Of a CONFLICT that another import may undo: held against the first receipt whenever it is read. Null once it stays. */
  readonly payload_hash: string | null;
}

/** A receipt whose entry in a slice may no longer be what it is: whoever reads the slice asks the EVENT row. */
export interface RecheckRow extends ReceiptAddress {
  readonly event_id: string;
  readonly source: string;
  readonly event_type: string;
  readonly event_day: number;
  readonly expires_ms: number;
}

/** All receipts of one request with one source, type and event day, packed, with what reports need beside them. */
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
  /** Histogram of the lag of the accepted (`statistics/histogram.ts`). */
  readonly lag: Uint8Array;
  /** Histogram of the time between first receipt and repeat. */
  readonly delay: Uint8Array;
  /** The receipts themselves (`storage/rules/slice-codec.ts`). */
  readonly entries: Uint8Array;
  readonly expires_ms: number;
}

/** Which sequence numbers of a producer a request brought, whatever became of them; inclusive ranges, ascending. */
export interface SequenceRow {
  readonly producer_id: string;
  readonly pack_id: string;
  readonly ranges: readonly (readonly [first: number, last: number])[];
  readonly received_ms: number;
  readonly expires_ms: number;
}

/** One request, complete: there is a row only when each of its lines has its outcome. */
export interface PackRow {
  readonly pack_id: string;
  readonly sha256: string;
  readonly bytes: number;
  /** One letter of `OUTCOME_LETTERS` per line. */
  readonly outcomes: string;
  readonly request_id: string;
  readonly principal: string | null;
  readonly imported: boolean;
  readonly received_min_ms: number;
  readonly received_max_ms: number;
  readonly expires_ms: number;
  /** Its number in the order of the log, where one process owns that; not kept with the row. */
  readonly sequence?: number | null | undefined;
}

/** What a request leaves behind besides its EVENT rows; `pack` is null while a line is not decided. */
export interface RequestRows {
  readonly deliveries: readonly DeliveryRow[];
  readonly failures: readonly FailureRow[];
  readonly slices: readonly SliceRow[];
  readonly sequences: readonly SequenceRow[];
  readonly pack: PackRow | null;
}

/** A row that stands for a receipt, and what it says that the receipt was answered. */
export interface IndexedAddress extends ReceiptAddress {
  readonly event_id: string;
  readonly kind: 'EVENT' | 'DELIVERY';
  readonly answered: EventOutcome;
}
