import type { Page } from './queries.ts';

/** The immutable log. A pack is written once; an erasure stores a revision of it under another key (`packKey`). */
export interface RawLog {
  /** True if requests that wait together are to share a pack, as each write takes a sync; false if each writes its own. */
  readonly sharesPacks: boolean;
  /** Durable on return. The same bytes under the same id are accepted again (a retried write); other bytes: `RAW_EXISTS`. */
  append(packId: string, bytes: Uint8Array): Promise<void>;
  /** The bytes as appended, or of the revision that counts if lines of the pack were erased; null if there are none. */
  read(packId: string): Promise<Uint8Array | null>;
  /** Makes a pack that was found durable: the process that appended it may have ended before it was. Absent if every pack is. */
  settle?(packId: string): Promise<void>;
  /** True if the pack exists; cheaper than reading it. */
  has(packId: string): Promise<boolean>;
  /** The revision that `read` reads: 0 as appended. Absent: no line is ever erased. */
  revisionOf?(packId: string): Promise<number>;
  /** Rejects, as `append` would, while no pack can be written: `STORAGE_FULL`, `RAW_LOG_UNAVAILABLE`. Resolves if only a write can show it. */
  ready(): Promise<void>;
  /** Pack ids stored in `[fromMs, toMs)`, in id order. Complete for every pack whose append had returned. */
  list(range: { fromMs: number; toMs: number; cursor?: string | null }): Promise<Page<string>>;
}
