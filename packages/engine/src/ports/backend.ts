import type { AuditStore } from './audit-store.ts';
import type { CellRow } from './cell-row.ts';
import type { Clock, SoleOwner } from './clock.ts';
import type { ClosedHours, HourStore } from './closed-hours.ts';
import type { Eraser } from './eraser.ts';
import type { ReplayPart, ReplayRequestRow, ReplayRow, VersionRow, WindowTarget } from './history-rows.ts';
import type { MonitorStore } from './monitor-store.ts';
import type { FailureQuery, Page, PositionRange, SliceQuery, StoredSpan, VersionQuery } from './queries.ts';
import type { RawLog } from './raw-log.ts';
import type { ReplayQueue } from './replay-queue.ts';
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
export type { IncidentRow, MonitorRow, MonitorStore, MuteRow, SentRow } from './monitor-store.ts';
export type { RawLog } from './raw-log.ts';
export type { ReplayQueue } from './replay-queue.ts';

/** A backend: the raw log that stores, the index that decides outcomes, the stores of replays, and their common clock. */
export interface Backend {
  readonly rawLog: RawLog;
  readonly files: FileStore;
  readonly index: EventIndex;
  readonly aggregates: AggregateStore;
  readonly replays: ReplayStore;
  readonly queue: ReplayQueue;
  readonly monitors: MonitorStore;
  /** Absent: no hour is ever closed, and everything is answered from rows. */
  readonly hours?: HourStore | undefined;
  /** Absent: nothing can be erased. */
  readonly eraser?: Eraser | undefined;
  /** Absent: nobody's questions and actions are recorded. */
  readonly audit?: AuditStore | undefined;
  readonly clock: Clock;
  /** The state found on opening, if only this process writes to the backend; absent if other processes write too. */
  readonly soleOwner?: SoleOwner | undefined;
  /** The hours of the log that were closed; absent if the backend closes none. */
  readonly closedHours?: ClosedHours<CellRow> | undefined;
  close(): Promise<void>;
}

/** Create-only files next to the log: manifests, and a copy of each version and replay record. The kit chooses the keys. */
export interface FileStore {
  /** Durable on return. The same bytes under the same key are accepted again; other bytes: `FILE_EXISTS`. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  get(key: string): Promise<Uint8Array | null>;
  /** Keys with a prefix that ends in `/`, in text order. */
  list(prefix: string, cursor?: string | null): Promise<Page<string>>;
}

/** The index: one conditional insert per event decides its outcome; everything else can be derived from the log again. */
export interface EventIndex {
  /** Rejects with `INDEX_UNAVAILABLE` while the index does not answer; called before a pack is appended. */
  ping(): Promise<void>;
  /**
   * Inserts each row unless an unexpired row with its id exists (in the order of `admissionOrder`; the second row of an id
   * finds the first), passes the insertions to `decide`, and writes the rows that it returns, PACK last. The insert of a keyed
   * event also writes its TIME pointer. If `nextFirst` makes another receipt the first, it takes over the EVENT row, the
   * former one becomes a delivery, and the rows of `rowsAfterMove` are written too. Durable on return; repeatable.
   */
  admit<T extends RequestRows>(rows: readonly EventRow[], decide: (insertions: readonly Insertion[]) => T): Promise<T>;
  /** The unexpired row of an event; read-after-write. */
  getEvent(eventId: string): Promise<EventRow | null>;
  /** The same for many ids, in the order of the ids. */
  getEvents(eventIds: readonly string[]): Promise<readonly (EventRow | null)[]>;
  /** The first `deliveries_per_event_max` deliveries of an event, oldest first, compared with this first receipt. */
  getDeliveries(first: EventRow): Promise<readonly DeliveryRow[]>;
  getPack(packId: string): Promise<PackRow | null>;
  /** Unexpired events with `from <= position < to` received by `asOfMs`, in text order of position. */
  listTimeline(range: PositionRange): Promise<Page<EventRow>>;
  /** Slices with `fromDay <= event_day < toDay` in order of the day, of one series if named; entries are compared with their first receipts. */
  listSlices(query: SliceQuery): Promise<Page<SliceRow>>;
  /** PACK rows stored in `[fromMs, toMs)`, in id order. */
  listPacks(range: { fromMs: number; toMs: number; cursor?: string | null }): Promise<Page<PackRow>>;
  /** Failures received in `[fromMs, toMs)`, newest first unless `oldestFirst`; without CONFLICTs that a move has settled; warnings if named. */
  listFailures(query: FailureQuery): Promise<Page<FailureRow>>;
  /** All sequence rows of a producer, in order of their packs; may leave out some of packs that were stored in disjoint spans. */
  listSequences(producerId: string, cursor?: string | null, skip?: readonly StoredSpan[]): Promise<Page<SequenceRow>>;
  /** Every EVENT and DELIVERY address, in storage order, for verify to compare with the log. */
  listAddresses(cursor?: string | null): Promise<Page<IndexedAddress>>;
  /** Finishes moves begun in `[fromMs, toMs)` that a crash or another admission interrupted; returns the event ids. Idempotent. */
  finishMoves(range: { fromMs: number; toMs: number; cursor?: string | null }): Promise<Page<string>>;
  /** A named time that operations keep between runs, such as the progress of the sweeper. */
  getMark(name: string): Promise<number | null>;
  setMark(name: string, value: number): Promise<void>;
  /** Adds PROCESSING failures; existing ones (same receipt, kind, window and time) stay as they are. */
  addFailures(rows: readonly FailureRow[]): Promise<void>;
}

/** The questions to an index that any process may ask, also one that does not admit. */
export type IndexReads = Pick<
  EventIndex,
  | 'getEvent'
  | 'getEvents'
  | 'getDeliveries'
  | 'getPack'
  | 'listTimeline'
  | 'listSlices'
  | 'listPacks'
  | 'listFailures'
  | 'listSequences'
  | 'listAddresses'
>;

/** Versions of values: appended with an expected number, never changed. */
export interface AggregateStore {
  getLatest(target: WindowTarget): Promise<VersionRow | null>;
  getVersion(target: WindowTarget, version: number): Promise<VersionRow | null>;
  /** Appends unless a version with its number exists; returns the row that has the number afterwards, ours or another's. */
  append(row: VersionRow): Promise<VersionRow>;
  /** Versions in order of metric, key, window and number; texts by their UTF-8 bytes. */
  listVersions(query: VersionQuery): Promise<Page<VersionRow>>;
}

/** Replays and their progress. */
export interface ReplayStore extends ReplayWindows {
  /** Records a replay unless one with its id exists; returns the stored one. */
  create(row: ReplayRequestRow): Promise<ReplayRow>;
  get(replayId: string): Promise<ReplayRow | null>;
  /** Replays, latest first, by the time in their ids. */
  list(query: { limit: number; cursor?: string | null }): Promise<Page<ReplayRow>>;
  getPart(replayId: string, cursor: string): Promise<ReplayPart | null>;
  /** Adds a part and its sums once; the last part completes the replay unless it was cancelled. */
  addPart(replayId: string, part: ReplayPart, nowMs: number): Promise<void>;
  /** Cancels a replay if it is running; returns its new state, or null if it does not exist. */
  cancel(replayId: string, nowMs: number): Promise<ReplayRow | null>;
}
