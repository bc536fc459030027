import { compareIds, ID_BYTES, prefixAt } from './entry.ts';

/** A place in entries sorted by key. It stands on an entry from the start; a source without entries has no cursor. */
export interface Cursor {
  /** The bytes that hold the entry, and its place in them; both change with `next`. */
  readonly bytes: Uint8Array;
  readonly at: number;
  /** Moves to the next entry; false at the end. */
  next(): boolean;
}

interface Source {
  readonly cursor: Cursor;
  /** The age of the source, 0 for the newest: of equal keys, the entry of the newest source counts. */
  readonly age: number;
  prefix: number;
}

/**
 * One cursor over several, in order of keys; of entries with the same key it gives the newest alone.
 *
 * @param cursors The newest source first.
 */
export function mergeCursors(cursors: readonly Cursor[]): Cursor | null {
  const heap = cursors.map((cursor, age): Source => ({ cursor, age, prefix: prefixAt(cursor.bytes, cursor.at) }));
  if (heap.length === 0) return null;
  for (let i = (heap.length >> 1) - 1; i >= 0; i--) sink(heap, i);
  return new MergedCursor(heap);
}

class MergedCursor implements Cursor {
  readonly #heap: Source[];
  /** A copy of the last key: a source may reuse its bytes when it moves. */
  readonly #last = new Uint8Array(ID_BYTES);

  constructor(heap: Source[]) {
    this.#heap = heap;
  }

  get bytes(): Uint8Array {
    return (this.#heap[0] as Source).cursor.bytes;
  }

  get at(): number {
    return (this.#heap[0] as Source).cursor.at;
  }

  next(): boolean {
    const heap = this.#heap;
    const top = heap[0] as Source;
    const { bytes, at } = top.cursor;
    for (let i = 0; i < ID_BYTES; i++) this.#last[i] = bytes[at + i] as number;
    do {
      advance(heap);
    } while (heap.length > 0 && compareIds(this.bytes, this.at, this.#last) === 0);
    return heap.length > 0;
  }
}

/** Moves the first source, and puts it in its place or drops it at its end. */
function advance(heap: Source[]): void {
  const top = heap[0] as Source;
  if (top.cursor.next()) top.prefix = prefixAt(top.cursor.bytes, top.cursor.at);
  else {
    const last = heap.pop() as Source;
    if (heap.length === 0) return;
    heap[0] = last;
  }
  sink(heap, 0);
}

function precedes(a: Source, b: Source): boolean {
  if (a.prefix !== b.prefix) return a.prefix < b.prefix;
  const order = compareKeys(a.cursor, b.cursor);
  return order === 0 ? a.age < b.age : order < 0;
}

/** Compares the keys of two cursors: negative, zero or positive. */
function compareKeys(a: Cursor, b: Cursor): number {
  const { bytes, at } = a;
  const { bytes: others, at: other } = b;
  for (let i = 0; i < ID_BYTES; i++) {
    const difference = (bytes[at + i] as number) - (others[other + i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

function sink(heap: Source[], from: number): void {
  const moved = heap[from] as Source;
  let at = from;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && precedes(heap[child + 1] as Source, heap[child] as Source)) child += 1;
    if (!precedes(heap[child] as Source, moved)) break;
    heap[at] = heap[child] as Source;
    at = child;
  }
  heap[at] = moved;
}
