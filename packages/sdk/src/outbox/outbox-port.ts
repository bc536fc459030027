import type { KitError } from '@pik/schema/events';

/** A record that an outbox holds: the bytes that are sent, and where they are kept. */
export interface OutboxRecord {
  /** Names the record in this outbox for good: rises by append, never reused while the record is pending. */
  readonly position: number;
  /** The record as it was appended, byte for byte; the caller's own copy. */
  readonly record: Uint8Array;
}

/** Why a record will never be accepted. */
export interface DeadLetterReason {
  /** Stable code, such as the backend's reject code. */
  readonly code: string;
  readonly detail: string;
}

/** What an outbox holds at this moment. */
export interface OutboxStats {
  /** Appended and neither acknowledged nor dead: what is still owed to the backend. */
  readonly pending_count: number;
  /** Of those, not yet fsynced. */
  readonly unsynced_count: number;
  /** Bytes of all files of the outbox and of what waits to be written: what the quota bounds. */
  readonly used_bytes: number;
  readonly quota_bytes: number;
  /** When the oldest pending record was appended, by the wall clock, to the second; null when nothing is pending. */
  readonly oldest_stored_at: string | null;
  /** Pending when the outbox was opened: what earlier processes left. */
  readonly recovered_count: number;
  /** Records in the dead-letter file. */
  readonly dead_count: number;
  /** Records found damaged or missing when the outbox was opened. */
  readonly damaged_count: number;
  /** With a parent: folders of dead members that hold records and that nobody had adopted when last looked at. */
  readonly abandoned_count: number;
  /** With a parent: folders of dead members that this outbox has adopted since it was opened. */
  readonly adopted_count: number;
}

/**
 * Keeps records until the backend has them. `openOutbox` of `@pik/sdk/outbox` makes one on a disk; a producer knows only
 * this. Records come back at least once: after a crash some acknowledged ones are read again, with the same bytes.
 */
export interface Outbox {
  /**
   * Takes a record at once and gives its position; the bytes are captured, the write happens in the background.
   * A string is stored as UTF-8. Never waits.
   *
   * @throws KitError `OUTBOX_FULL` at the quota or while too much waits for the disk (see `ready`), `EVENT_TOO_LARGE`,
   * `OUTBOX_CLOSED`, `DATA_DIR_LOCKED` in a process that did not open it. Nothing of the record is kept then.
   */
  append(record: string | Uint8Array): number;

  /**
   * Resolves with null when the record is durable (fsynced, whatever the policy), or with the reason why it is not:
   * `OUTBOX_FULL` (no space on the disk), `OUTBOX_FAILED`. Such a record is not pending; appending it again is safe.
   * Never rejects. Costs nothing for those who do not ask.
   */
  stored(position: number): Promise<KitError | null>;

  /** Resolves when `append` has room: backpressure for those who await it. */
  ready(): Promise<void>;

  /**
   * The backend has these records, or the producer gave them up for good. In any order, also before they are durable;
   * unknown and repeated positions are ignored. Written down soon (within a second, and on close), not at once.
   */
  acknowledge(positions: Iterable<number>): void;

  /**
   * Moves a poison record to the dead-letter file. Resolves with null when the letter is durable and the record is no
   * longer pending, or with the reason why it still is. Never rejects.
   */
  deadLetter(entry: OutboxRecord, reason: DeadLetterReason): Promise<KitError | null>;

  /**
   * What earlier processes left, oldest first, as far as it is still pending when its turn comes.
   *
   * @throws KitError `OUTBOX_FAILED` where the disk cannot be read.
   */
  readRecovered(): AsyncIterable<OutboxRecord>;

  /**
   * Pending durable records in order of position, from the disk, so that a producer need not hold in memory what waits:
   * those above `after` (default: all) up to `through` (default: what is durable at the call).
   */
  readPending(range?: { readonly after?: number; readonly through?: number }): AsyncIterable<OutboxRecord>;

  /**
   * Looks for outboxes beside this one whose owner is dead, and takes them over: what they still owe, with positions that
   * name the records here until they are settled. Those that are not settled come again with the next call. Missing where
   * an outbox has none beside it.
   *
   * @throws KitError `OUTBOX_FAILED` where the disk cannot be read.
   */
  readAbandoned?(): AsyncIterable<OutboxRecord>;

  stats(): OutboxStats;

  /** Resolves when everything appended before is durable or has failed. */
  flush(): Promise<void>;

  /** Flushes, writes the cursor, gives the directory free. Later appends throw `OUTBOX_CLOSED`. */
  close(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void>;
}
