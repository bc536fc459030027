import type { Cursor } from './cursor.ts';
import {
  compareIds,
  compareRest,
  ENTRY_BYTES,
  ID_BYTES,
  type IdHash,
  numberAt,
  prefixAt,
  writeEntry,
} from './entry.ts';

/** Entries are sorted in parts of this many: a part takes a few milliseconds, and a whole table would block ingest. */
const PART = 8_192;

/** The newest entries, in memory, in the order in which they came. */
export interface Memtable {
  /** The number of entries. */
  readonly size: number;
  /** True if nothing more can be put. */
  readonly isFull: boolean;
  /** The number of the newest entry; 0 if there is none. */
  readonly lastNumber: number;
  /** The number of the newest entry of a key; null if there is none. */
  find(id: Uint8Array, hash: IdHash): number | null;
  /** Adds an entry; a later one with the same key takes precedence. */
  put(entry: { id: Uint8Array; number: number }, hash: IdHash): void;
  /** Takes the newest entries back, as long as their numbers are above a bound. */
  takeBack(above: number, hashOf: (bytes: Uint8Array, at: number) => IdHash): void;
  /** Cursors over all entries from a key on, newest entries first. Putting entries invalidates them. */
  cursors(from: Uint8Array): Cursor[];
  /** Sorts one more part, so that `cursors` need not; false if there is none. */
  sortPart(): boolean;
  /** A copy of the newest entry's key. */
  lastId(): Uint8Array;
}

/**
 * An empty table. Keys are found by a hash table with linear probing: each slot holds the place of the
 * newest entry of a key, and each entry the place of an older one with the same key.
 */
export function createMemtable(capacity: number): Memtable {
  const slotCount = 2 ** Math.ceil(Math.log2(capacity * 2));
  const entries = new Uint8Array(capacity * ENTRY_BYTES);
  /** Places of entries, counted from 1; 0 is an empty slot. */
  const slots = new Int32Array(slotCount);
  const older = new Int32Array(capacity);
  const sorted = createSortedParts(entries, capacity);
  let size = 0;

  /** The slot of a key, or the empty one where it would be. */
  const slotOf = (id: Uint8Array, { low }: IdHash): number => {
    let slot = low & (slotCount - 1);
    for (;;) {
      const place = slots[slot] as number;
      if (place === 0 || compareIds(entries, (place - 1) * ENTRY_BYTES, id) === 0) return slot;
      slot = (slot + 1) & (slotCount - 1);
    }
  };
  return {
    get size() {
      return size;
    },
    get isFull() {
      return size === capacity;
    },
    get lastNumber() {
      return size === 0 ? 0 : numberAt(entries, (size - 1) * ENTRY_BYTES);
    },
    find(id, hash) {
      const place = slots[slotOf(id, hash)] as number;
      return place === 0 ? null : numberAt(entries, (place - 1) * ENTRY_BYTES);
    },
    put(entry, hash) {
      const slot = slotOf(entry.id, hash);
      writeEntry(entries, size * ENTRY_BYTES, entry);
      older[size] = slots[slot] as number;
      size += 1;
      slots[slot] = size;
    },
    takeBack(above, hashOf) {
      // The newest entry leaves first, so no other entry was placed behind its slot, and the slot can become empty.
      while (size > 0 && numberAt(entries, (size - 1) * ENTRY_BYTES) > above) {
        const at = (size - 1) * ENTRY_BYTES;
        slots[slotOf(entries.subarray(at), hashOf(entries, at))] = older[size - 1] as number;
        size -= 1;
      }
      sorted.forget(size);
    },
    cursors: (from) => sorted.cursors(from, size),
    sortPart: () => sorted.sortPart(size),
    lastId: () => entries.slice((size - 1) * ENTRY_BYTES, (size - 1) * ENTRY_BYTES + ID_BYTES),
  };
}

interface SortedParts {
  sortPart(size: number): boolean;
  cursors(from: Uint8Array, size: number): Cursor[];
  /** Forgets the order of entries at or above `size`. */
  forget(size: number): void;
}

/** Sorts entries by key when somebody reads them in order, a part at a time; a complete part stays sorted. */
function createSortedParts(entries: Uint8Array, capacity: number): SortedParts {
  const order = new Uint32Array(capacity);
  let complete = 0;
  const sortPart = (size: number) => {
    if (complete + PART > size) return false;
    sortPlaces(entries, { places: order.subarray(complete, complete + PART), first: complete });
    complete += PART;
    return true;
  };
  return {
    sortPart,
    cursors(from, size) {
      const cursors: Cursor[] = [];
      while (sortPart(size));
      // In memory of its own, since an earlier cursor may still read the places of an incomplete part.
      const tail = sortPlaces(entries, { places: new Uint32Array(size - complete), first: complete, from });
      if (tail.length > 0) cursors.push(new PartCursor(entries, tail, 0));
      for (let start = complete - PART; start >= 0; start -= PART) {
        const part = order.subarray(start, start + PART);
        const at = firstNotBelow(entries, part, from);
        if (at < part.length) cursors.push(new PartCursor(entries, part, at));
      }
      return cursors;
    },
    forget(size) {
      complete = Math.min(complete, Math.floor(size / PART) * PART);
    },
  };
}

/** Fills `places` with the places of entries from `first` on, without keys below `from`, and sorts them. */
function sortPlaces(
  entries: Uint8Array,
  { places, first, from }: { places: Uint32Array; first: number; from?: Uint8Array },
): Uint32Array {
  const prefixes = new Float64Array(places.length);
  let count = 0;
  for (let i = 0; i < places.length; i++) {
    const at = (first + i) * ENTRY_BYTES;
    prefixes[i] = prefixAt(entries, at);
    if (from === undefined || compareIds(entries, at, from) >= 0) places[count++] = first + i;
  }
  return places.subarray(0, count).sort((a, b) => {
    const difference = (prefixes[a - first] as number) - (prefixes[b - first] as number);
    if (difference !== 0) return difference;
    // Of equal keys the newer entry comes first.
    return compareRest(entries, a * ENTRY_BYTES, b * ENTRY_BYTES) || b - a;
  });
}

function firstNotBelow(entries: Uint8Array, part: Uint32Array, id: Uint8Array): number {
  let low = 0;
  let high = part.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareIds(entries, (part[middle] as number) * ENTRY_BYTES, id) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

class PartCursor implements Cursor {
  readonly bytes: Uint8Array;
  readonly #order: Uint32Array;
  #place: number;

  constructor(entries: Uint8Array, order: Uint32Array, place: number) {
    this.bytes = entries;
    this.#order = order;
    this.#place = place;
  }

  get at(): number {
    return (this.#order[this.#place] as number) * ENTRY_BYTES;
  }

  next(): boolean {
    this.#place += 1;
    return this.#place < this.#order.length;
  }
}
