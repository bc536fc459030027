import { type Cursor, mergeCursors } from './cursor.ts';
import { compareIds, hashId, ID_BYTES, type IdHash, lowestAt, numberAt } from './entry.ts';
import type { Memtable } from './memtable.ts';
import type { Run } from './run.ts';

/** A key and the number of its row. */
export interface KeyEntry {
  readonly id: Uint8Array;
  readonly number: number;
}

/** The bounds of a listing. */
export interface KeyRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly limit: number;
}

/** Finds entries by key, and in order of keys. */
export interface KeyFinder {
  /** The number of a key's newest entry; null if there is none. Throws `INDEX_CORRUPT`. */
  find(id: Uint8Array): number | null;
  /** At most `limit` entries with `from <= key < to`, in order of keys, the newest of each key. Throws `INDEX_CORRUPT`. */
  list(range: KeyRange): KeyEntry[];
}

/** The places in which entries are found; both change with time. */
export interface KeySources {
  /** Newest first. */
  readonly tables: readonly Memtable[];
  /** Newest first, all older than the tables. */
  readonly runs: readonly Run[];
}

/** A finder over sources. */
export function createFinder(sources: KeySources): KeyFinder {
  const hash: IdHash = { low: 0, high: 0 };
  return {
    find(id) {
      hashId(id, 0, hash);
      return findIn(sources.tables, id, hash) ?? findIn(sources.runs, id, hash);
    },
    list: (range) => list(sources, range),
  };
}

function findIn(sources: readonly (Memtable | Run)[], id: Uint8Array, hash: IdHash): number | null {
  for (const source of sources) {
    const number = source.find(id, hash);
    if (number !== null) return number;
  }
  return null;
}

function list({ tables, runs }: KeySources, { from, to, limit }: KeyRange): KeyEntry[] {
  const [first, end] = [lowestAt(from), lowestAt(to)];
  if (first === null) return [];
  const found = runs.map((run) => run.cursor(first)).filter((cursor) => cursor !== null);
  const cursor = mergeCursors([...tables.flatMap((table) => table.cursors(first)), ...found]);
  const entries: KeyEntry[] = [];
  for (let more = cursor !== null; more && entries.length < limit; more = cursor?.next() ?? false) {
    const { bytes, at } = cursor as Cursor;
    if (end !== null && compareIds(bytes, at, end) >= 0) break;
    entries.push({ id: new Uint8Array(bytes.subarray(at, at + ID_BYTES)), number: numberAt(bytes, at) });
  }
  return entries;
}
