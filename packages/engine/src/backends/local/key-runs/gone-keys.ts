import type { Cursor } from './cursor.ts';
import { ID_BYTES, numberAt } from './entry.ts';
import type { KeyEntry } from './finder.ts';
import type { Run } from './run.ts';

/** Which entries are to be removed: those of events that are gone, among the keys with these starts. */
export interface GoneKeys {
  /** The first bytes of their keys, all of the same length. */
  readonly prefixes: readonly Uint8Array[];
  /** True if no row has this number. */
  isGone(number: number): boolean;
  /** The last entry with a row and a number up to this one; null if there is none. */
  lastKept(number: number): KeyEntry | null;
}

/** A cursor without entries that are gone; null if none is left. */
export function withoutGone(cursor: Cursor | null, gone: GoneKeys | null): Cursor | null {
  if (cursor === null || gone === null || gone.prefixes.length === 0) return cursor;
  const starts = new Set(gone.prefixes.map((prefix) => Buffer.from(prefix).toString('latin1')));
  const length = gone.prefixes[0]?.length ?? 0;
  const isGone = () => {
    const { bytes, at } = cursor;
    const start = Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('latin1');
    return starts.has(start) && gone.isGone(numberAt(bytes, at));
  };
  while (isGone()) if (!cursor.next()) return null;
  return {
    get bytes() {
      return cursor.bytes;
    },
    get at() {
      return cursor.at;
    },
    next() {
      while (cursor.next()) if (!isGone()) return true;
      return false;
    },
  };
}

/** Whether a run has entries that are gone. */
export function hasGone(run: Run, { prefixes, isGone }: GoneKeys): boolean {
  return prefixes.some((prefix) => {
    const from = new Uint8Array(ID_BYTES);
    from.set(prefix);
    const cursor = run.cursor(from);
    for (let more = cursor !== null; more && cursor !== null; more = cursor.next()) {
      const { bytes, at } = cursor;
      if (Buffer.compare(bytes.subarray(at, at + prefix.length), prefix) !== 0) return false;
      if (isGone(numberAt(bytes, at))) return true;
    }
    return false;
  });
}
