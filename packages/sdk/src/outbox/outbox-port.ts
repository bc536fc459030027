import type { KitError } from '@pik/schema/events';

/** A record in an outbox: its bytes and its position. */
export interface OutboxRecord {
  /** Identifies the record in this outbox. Rises with each append; never reused while the record is pending. */
  readonly position: number;
  /** The appended bytes; the copy belongs to the caller. */
  readonly record: Uint8Array;
}

/** Why a record will never be accepted. */
export interface DeadLetterReason {
  /** Stable code, such as the backend's reject code. */
  readonly code: string;
  readonly detail: string;
}

/** Statistics of an outbox at this moment. */
export interface OutboxStats {
  /** Records appended but neither acknowledged nor dead: the backend does not have them yet. */
  readonly pending_count: number;
  /** Pending records that are not fsynced yet. */
  readonly unsynced_count: number;
  /** Bytes of all files and of records that wait to be written. The quota limits this number. */
  readonly used_bytes: number;
  readonly quota_bytes: number;
  /** Wall-clock time at which the oldest pending record was appended, to the second; null if nothing is pending. */
  readonly oldest_stored_at: string | null;
  /** Records that were pending when the outbox was opened: left by earlier processes. */
  readonly recovered_count: number;
  /** Records in the dead-letter file. */
  readonly dead_count: number;
  /** Records found damaged or missing when the outbox was opened. */
  readonly damaged_count: number;
  /** With a parent: folders of dead members with records that nobody had adopted at the last check. */
  readonly abandoned_count: number;
  /** With a parent: folders of dead members that this outbox has adopted since it was opened. */
  readonly adopted_count: number;
}

/**
 * Keeps records until the backend has them. `openOutbox` of `@pik/sdk/outbox` creates one on disk; a producer depends
 * only on this interface. Delivery is at least once: after a crash, some acknowledged records are read again, with the
 * same bytes.
 */
export interface Outbox {
  /**
   * Appends a record and returns its position. Captures the bytes at once and writes them in the background. Stores a
   * string as UTF-8. Never waits.
   *
   * @throws KitError `OUTBOX_FULL` at the quota or while too much waits for the disk (see `ready`), `EVENT_TOO_LARGE`,
   *   `OUTBOX_CLOSED`, `DATA_DIR_LOCKED` in a process that did not open the outbox. Nothing of the record is then kept.
   */
  append(record: string | Uint8Array): number;

  /**
   * Resolves with null when the record is fsynced, whatever the policy, or with the reason why it is not: `OUTBOX_FULL`
   * (no space on disk) or `OUTBOX_FAILED`. Such a record is not pending, and appending it again is safe. Never rejects.
   * Costs nothing unless it is called.
   */
  stored(position: number): Promise<KitError | null>;

  /** Resolves when `append` has room. Await it before each append to get backpressure. */
  ready(): Promise<void>;

  /**
   * Marks records as delivered, or given up for good by the producer. Takes positions in any order, also before the
   * records are durable; ignores unknown and repeated ones. Saved within a second and on close, not at once.
   */
  acknowledge(positions: Iterable<number>): void;

  /**
   * Moves a record that can never be delivered to the dead-letter file. Resolves with null when the letter is durable
   * and the record is no longer pending, or with the reason why it still is. Never rejects.
   */
  deadLetter(entry: OutboxRecord, reason: DeadLetterReason): Promise<KitError | null>;

  /**
   * Records that earlier processes left, oldest first, each if it is still pending when its turn comes.
   *
   * @throws KitError `OUTBOX_FAILED` if the disk cannot be read.
   */
  readRecovered(): AsyncIterable<OutboxRecord>;

  /**
   * Reads pending durable records from disk, in order of position, so that a producer need not hold them in memory:
   * those above `after` (default: all) up to `through` (default: the last durable one at the call).
   */
  readPending(range?: { readonly after?: number; readonly through?: number }): AsyncIterable<OutboxRecord>;

  /**
   * Adopts sibling outboxes whose owner is dead, and reads their pending records. Their positions identify the records
   * in this outbox until they are acknowledged; records that are not come again with the next call. Undefined if an
   * outbox cannot have siblings.
   *
   * @throws KitError `OUTBOX_FAILED` if the disk cannot be read.
   */
  readAbandoned?(): AsyncIterable<OutboxRecord>;

  stats(): OutboxStats;

  /** Resolves when everything appended before is durable or has failed. */
  flush(): Promise<void>;

  /** Flushes, saves the cursor and releases the directory. Later appends throw `OUTBOX_CLOSED`. */
  close(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void>;
}
