import type { IngestResult } from '@pik/schema/events';

import type { AcceptedResults } from './accepted-results.ts';
import type { ContentParts } from './content-parts.ts';
import type { Framing, RequestPath } from './transport.ts';

/** The records of a batch, from which its requests are made. */
export interface BatchContent {
  readonly count: number;
  /** Default: `lines`. */
  readonly framing?: Framing | undefined;
  /** The record at an index. Must return the same text or bytes on every call. */
  readonly recordAt: (index: number) => string | Uint8Array;
  /** The event id of a record; null if it is unknown. */
  readonly eventIdAt: (index: number) => string | null;
  /**
   * Called when all records are encoded into a request. After that `recordAt` is not called, and the records may be
   * released.
   */
  readonly onPacked?: (() => void) | undefined;
  /** The parts from which another thread makes the same content. Without it, the batch stays in this thread. */
  readonly parts?: (() => ContentParts) | undefined;
  /** Called with the id of a record that another thread has derived. */
  readonly onEventId?: ((index: number, eventId: string | null) => void) | undefined;
}

/** The results of the posted records, in order; null for a record that the answer does not name. */
export type PostedResults = AcceptedResults | readonly (IngestResult | null)[];

/** Options of one request. */
export interface PostOptions {
  readonly path: RequestPath;
  readonly signal: AbortSignal;
}

/** A batch that can be posted, whole or in part, several times: equal indexes give the same bytes. */
export interface OpenBatch {
  /** Bytes of the last request; 0 before the first. */
  readonly bytes: number;
  /**
   * Posts the records at these indexes once.
   *
   * @throws KitError with the backend's code, or `NETWORK`, `TIMEOUT`, `ABORTED`, `ANSWER_NOT_OURS`.
   */
  post(indexes: readonly number[], options: PostOptions): Promise<PostedResults>;
  /** Releases what is kept for further requests. */
  end(): void;
}

/** Makes the requests of batches: derives ids, encodes, compresses, posts, and reads the answers. */
export interface Poster {
  open(content: BatchContent): OpenBatch;
}

/** The indexes of consecutive records. */
export function indexesOf(first: number, count: number): readonly number[] {
  const indexes: number[] = [];
  for (let index = first; index < first + count; index++) indexes.push(index);
  return indexes;
}
