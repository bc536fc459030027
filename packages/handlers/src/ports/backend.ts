import type { ReceiptAddress } from '@pik/schema';

import type {
  DeliveryRow,
  EventRow,
  FailureRow,
  Insertion,
  PackRow,
  RequestRows,
  SequenceRow,
  SliceRow,
} from './rows.ts';

/** Milliseconds since the epoch, by the backend's own clock. */
export interface Clock {
  now(): number;
}

/** What a backend is: the log that keeps, the index that decides, and the clock that both go by. */
export interface Backend {
  readonly rawLog: RawLog;
  readonly index: EventIndex;
  readonly clock: Clock;
  close(): Promise<void>;
}

/** A page of a listing; `next` is null after the last one. A page may be empty and still have a next. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** The immutable log. A pack is written once and never changes; its key is `packKey(pack_id)`. */
export interface RawLog {
  /** Durable on return. The same bytes under the same id again are fine (our own retried write); others: `RAW_EXISTS`. */
  append(packId: string, bytes: Uint8Array): Promise<void>;
  /** The bytes as they were appended, or null. */
  read(packId: string): Promise<Uint8Array | null>;
  /** Pack ids stored in `[fromMs, toMs)`, in id order. Complete for every pack whose append had returned. */
  list(range: { fromMs: number; toMs: number; cursor?: string | null }): Promise<Page<string>>;
}

/** The index: one conditional insert per event decides; everything else can be read again from the log. */
export interface EventIndex {
  /** Rejects with `INDEX_UNAVAILABLE` while the index does not answer; asked before a pack is appended. */
  ping(): Promise<void>;
  /**
   * Inserts each row unless an unexpired one with its id is there (rows are in line order; the second of one id meets
   * the first), hands what was met to `settle`, and writes what it returns, PACK last. A keyed event's TIME pointer is
   * written with its insert. Repeating the whole call changes nothing. Resolves when all of it is durable.
   */
  admit<T extends RequestRows>(rows: readonly EventRow[], settle: (met: readonly Insertion[]) => T): Promise<T>;
  /** The unexpired row of an event; read-after-write. */
  getEvent(eventId: string): Promise<EventRow | null>;
  /** The first `deliveries_per_event_max` further receipts of an event, oldest first. */
  getDeliveries(eventId: string): Promise<readonly DeliveryRow[]>;
  getPack(packId: string): Promise<PackRow | null>;
  /** Unexpired events with `from <= position < to` received by `asOfMs`, in text order of position. */
  listTimeline(range: PositionRange): Promise<Page<EventRow>>;
  /** Slices with `fromDay <= event_day < toDay`, of one series if named. */
  listSlices(query: SliceQuery): Promise<Page<SliceRow>>;
  /** PACK rows stored in `[fromMs, toMs)`, in id order. */
  listPacks(range: { fromMs: number; toMs: number; cursor?: string | null }): Promise<Page<PackRow>>;
  /** Failures received in `[fromMs, toMs)`, newest first. */
  listFailures(query: FailureQuery): Promise<Page<FailureRow>>;
  /** All sequence rows of a producer. */
  listSequences(producerId: string, cursor?: string | null): Promise<Page<SequenceRow>>;
  /** Every EVENT and DELIVERY address, in storage order: what verify holds against the log. */
  listAddresses(
    cursor?: string | null,
  ): Promise<Page<ReceiptAddress & { event_id: string; kind: 'EVENT' | 'DELIVERY' }>>;
  /** A named time that operations remember between runs, such as how far the sweeper has come. */
  getMark(name: string): Promise<number | null>;
  setMark(name: string, value: number): Promise<void>;
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
}

/** Which failures to read. */
export interface FailureQuery {
  readonly fromMs: number;
  readonly toMs: number;
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | null;
}
