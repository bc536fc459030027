/** A record of another system, as it came. */
export interface TapRecord {
  readonly bytes: Uint8Array;
  /** Identifies the record in its source, the same each time that it is delivered; null if the source gives it none. */
  readonly id: string | null;
  /** When the source stored it, in milliseconds since 1970; null if unknown. */
  readonly storedMs: number | null;
  /** The record's own key, such as that of a Kafka message; null if it has none. */
  readonly key: string | null;
  /** Facts outside its bytes, such as its topic and headers. Receipts keep them. */
  readonly facts: Readonly<Record<string, string>>;
}

/** Records in the order of their source. */
export interface TapBatch {
  readonly records: readonly TapRecord[];
  /** The position after these records, for `commit`. */
  readonly token: string;
}

/**
 * A source of records with a position that survives this process. Records that were read and not committed are read again, by this tap or by
 * the next one that is opened. So a caller that commits a batch only once its receipts are durable loses nothing, whenever it dies.
 */
export interface Tap {
  /** Where the records come from, such as `stream orders`, for messages. */
  readonly name: string;
  /**
   * The next records after those read before. Waits a while for the first one; null if there are none, or the signal is aborted. Some
   * taps give no more until what was read is committed.
   * Throws if the connection is lost: then the tap is of no use any more.
   */
  read(signal: AbortSignal): Promise<TapBatch | null>;
  /** Makes the position after a batch durable in the source. Batches are committed in the order in which they were read. */
  commit(token: string): Promise<void>;
  /** Ends the connections, and commits nothing. */
  close(): Promise<void>;
}

/** How much a tap reads at a time: fewer than a request may have, so that a batch is one request. */
export const BATCH_RECORDS_MAX = 500;
/** Bytes of records in a batch, after which it ends. */
export const BATCH_BYTES_MAX = 1_000_000;
/** Options of every tap. */
export interface TapOptions {
  /** Milliseconds that `read` waits for the first record. Default: 1,000. */
  readonly waitMs?: number | undefined;
}

/** Milliseconds that `read` waits by default. */
export const READ_WAIT_MS = 1_000;
