import type { Clock, SoleOwner } from './clock.ts';
import type {
  DeadLetterRow,
  MessageFailure,
  QueuedMessage,
  ReplayPart,
  ReplayRequestRow,
  ReplayRow,
  VersionRow,
  WindowTarget,
} from './history-rows.ts';
import type { FailureQuery, Page, PositionRange, SliceQuery, VersionQuery } from './queries.ts';
import type { ReplayWindows } from './replay-windows.ts';
import type {
  DeliveryRow,
  EventRow,
  FailureRow,
  IndexedAddress,
  Insertion,
  PackRow,
  RequestRows,
  SequenceRow,
  SliceRow,
} from './rows.ts';

export type { Clock, SoleOwner } from './clock.ts';

/** What a backend is: the log that keeps, the index that decides, what replays leave behind, and the clock of them all. */
export interface Backend {
  readonly rawLog: RawLog;
  readonly files: FileStore;
  readonly index: EventIndex;
  readonly aggregates: AggregateStore;
  readonly replays: ReplayStore;
  readonly queue: ReplayQueue;
  readonly clock: Clock;
  /** What was there when it was opened, of a backend that this process alone writes to. Absent where others do too. */
  readonly soleOwner?: SoleOwner | undefined;
  close(): Promise<void>;
}

/** The immutable log. A pack is written once and never changes; its key is `packKey(pack_id)`. */
export interface RawLog {
  /** Durable on return. The same bytes under the same id again are fine (our own retried write); others: `RAW_EXISTS`. */
  append(packId: string, bytes: Uint8Array): Promise<void>;
  /** The bytes as they were appended, or null. */
  read(packId: string): Promise<Uint8Array | null>;
  /** Whether there is such a pack; cheaper than reading it. */
  has(packId: string): Promise<boolean>;
  /** Rejects while no pack can be written, as `append` would: `STORAGE_FULL`, `RAW_LOG_UNAVAILABLE`. Where only a write tells, resolves. */
  ready(): Promise<void>;
  /** Pack ids stored in `[fromMs, toMs)`, in id order. Complete for every pack whose append had returned. */
  list(range: { fromMs: number; toMs: number; cursor?: string | null }): Promise<Page<string>>;
}

/** Create-only files beside the log: manifests, and a copy of each version and replay record. Keys are the kit's own. */
export interface FileStore {
  /** Durable on return. The same bytes under the same key again are fine; others: `FILE_EXISTS`. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  get(key: string): Promise<Uint8Array | null>;
  /** Keys that start with a prefix which ends in `/`, in text order. */
  list(prefix: string, cursor?: string | null): Promise<Page<string>>;
}

/** The index: one conditional insert per event decides; everything else can be read again from the log. */
export interface EventIndex {
  /** Rejects with `INDEX_UNAVAILABLE` while the index does not answer; asked before a pack is appended. */
  ping(): Promise<void>;
  /**
   * Inserts each row unless an unexpired one with its id is there (in the order of `admissionOrder`; the second of one id
   * meets the first), hands what was met to `settle`, and writes what it returns, PACK last. A keyed event's TIME pointer is
   * written with its insert. Where `nextFirst` makes another receipt the first, the EVENT row becomes its, the former first
   * one becomes a delivery, and what else follows for stored rows (`rowsAfterMove`) is written too. Repeating the whole call
   * changes nothing. Resolves when all of it is durable.
   */
  admit<T extends RequestRows>(rows: readonly EventRow[], decide: (insertions: readonly Insertion[]) => T): Promise<T>;
  /** The unexpired row of an event; read-after-write. */
  getEvent(eventId: string): Promise<EventRow | null>;
  /** The same for many ids, in their order. */
  getEvents(eventIds: readonly string[]): Promise<readonly (EventRow | null)[]>;
  /** The first `deliveries_per_event_max` further receipts of an event, oldest first, as they are beside this first one. */
  getDeliveries(first: EventRow): Promise<readonly DeliveryRow[]>;
  getPack(packId: string): Promise<PackRow | null>;
  /** Unexpired events with `from <= position < to` received by `asOfMs`, in text order of position. */
  listTimeline(range: PositionRange): Promise<Page<EventRow>>;
  /** Slices with `fromDay <= event_day < toDay` in order of the day, of one series if named; entries beside their first receipts. */
  listSlices(query: SliceQuery): Promise<Page<SliceRow>>;
  /** PACK rows stored in `[fromMs, toMs)`, in id order. */
  listPacks(range: { fromMs: number; toMs: number; cursor?: string | null }): Promise<Page<PackRow>>;
  /**
   * Failures received in `[fromMs, toMs)`, newest first unless asked for the oldest, and no CONFLICT that is none beside the first
   * receipt; warnings only where the query names them.
   */
  listFailures(query: FailureQuery): Promise<Page<FailureRow>>;
  /** All sequence rows of a producer. */
  listSequences(producerId: string, cursor?: string | null): Promise<Page<SequenceRow>>;
  /** Every EVENT and DELIVERY address, in storage order: what verify holds against the log. */
  listAddresses(cursor?: string | null): Promise<Page<IndexedAddress>>;
  /** Finishes changes of first receipts begun in `[fromMs, toMs)`, cut short or overtaken; gives the events. Changes nothing twice. */
  finishMoves(range: { fromMs: number; toMs: number; cursor?: string | null }): Promise<Page<string>>;
  /** A named time that operations remember between runs, such as how far the sweeper has come. */
  getMark(name: string): Promise<number | null>;
  setMark(name: string, value: number): Promise<void>;
  /** Adds PROCESSING failures; those that are there already (receipt, kind, window and time) are left as they are. */
  addFailures(rows: readonly FailureRow[]): Promise<void>;
}

/** Versions of values: appended by expected number, never changed. */
export interface AggregateStore {
  getLatest(target: WindowTarget): Promise<VersionRow | null>;
  getVersion(target: WindowTarget, version: number): Promise<VersionRow | null>;
  /** Appends unless a version with its number is there; gives the row that has the number then: ours or another's. */
  append(row: VersionRow): Promise<VersionRow>;
  /** In order of metric, key, window and number; texts by their UTF-8 bytes. */
  listVersions(query: VersionQuery): Promise<Page<VersionRow>>;
}

/** What replays are, and how far they have come. */
export interface ReplayStore extends ReplayWindows {
  /** Records a replay unless one with its id is there; gives the one that is there then. */
  create(row: ReplayRequestRow): Promise<ReplayRow>;
  get(replayId: string): Promise<ReplayRow | null>;
  /** The latest first, by the time in their ids. */
  list(query: { limit: number; cursor?: string | null }): Promise<Page<ReplayRow>>;
  getPart(replayId: string, cursor: string): Promise<ReplayPart | null>;
  /** Adds a part once, to the sums too; a part without a next one ends a replay that was not cancelled. */
  addPart(replayId: string, part: ReplayPart, nowMs: number): Promise<void>;
  /** Ends a replay that runs; gives it as it is then, null if it is not there. */
  cancel(replayId: string, nowMs: number): Promise<ReplayRow | null>;
}

/** The queue of replay messages: at least once, in no order that anything rests on. */
export interface ReplayQueue {
  /** Durable on return: each message will be delivered. One whose id is already waiting may be kept once. */
  send(messages: readonly { message_id: string; body: string }[]): Promise<void>;
  /** Takes some away from others for a while; each not deleted by then comes back, in the end as a dead letter. */
  receive(options: { max: number; visibilityMs: number }): Promise<readonly QueuedMessage[]>;
  /** Keeps a message for longer; false when its receipt is worthless by now. */
  extend(receipt: string, visibilityMs: number): Promise<boolean>;
  /** Ends a message; a worthless receipt deletes nothing. */
  delete(receipt: string): Promise<void>;
  /** Gives a message back, to come again after a while, or once it came too often to the dead letters. */
  fail(receipt: string, failure: MessageFailure): Promise<'RETRIED' | 'DEAD' | 'LOST'>;
  /** In no order. A walk to the end has all that lay there when it began; one broken off may hide some for a while. */
  listDead(query: { limit: number; cursor?: string | null }): Promise<Page<DeadLetterRow>>;
  /** Puts dead letters back as if they had just been sent; without ids all of them. Gives how many. */
  redrive(messageIds?: readonly string[]): Promise<number>;
}
