import { createSpan } from '../../../runtime/rules/span.ts';
import { createTopRanked, type Ranked } from '../../../statistics/top-ranked.ts';
import { hash52At, ID_BYTES, idAt } from '../../../storage/rules/slice-codec.ts';

/** Counts the repeats of each event by its complete id. Exact for any number of events. */
export interface RepeatCounts {
  /** Adds repeats, one by default, of the event whose id is at `at` in `bytes`. */
  add(bytes: Uint8Array, at: number, repeats?: number): void;
  /** Estimated number of walks, from what the first one has found so far. */
  readonly walks: number;
  /** Ends a walk over all receipts; returns true if another one is needed. */
  next(): boolean;
  /** Events with a repeat. Known, like `top`, after the last walk. */
  readonly total: number;
  /** The events with most repeats. */
  top(): readonly Ranked[];
}

/** Selects the repeated events to list. */
export interface RepeatOptions {
  readonly topMax: number;
  /** List only events after this one, by repeats and id. */
  readonly after?: Ranked | null | undefined;
  /** Events in memory at a time; more of them take more walks. Default a million: 41 MB. */
  readonly heldMax?: number | undefined;
}

/** Offset in an id of the part that differs between all events, even of one entity and time. */
const DIGEST_AT = 17;
const EMPTY = -1;
const HELD_MAX = 1_000_000;

/** Creates empty counts. */
export function createRepeatCounts({ topMax, after = null, heldMax = HELD_MAX }: RepeatOptions): RepeatCounts {
  const span = createSpan();
  const top = createTopRanked(topMax, after);
  const table = createIdTable();
  let total = 0;
  return {
    add(bytes, at, repeats = 1) {
      if (!span.has(hash52At(bytes, at + DIGEST_AT))) return;
      table.add(bytes, at, repeats);
      while (table.size > heldMax && span.narrow())
        table.keep((ids, idStart) => span.has(hash52At(ids, idStart + DIGEST_AT)));
    },
    get walks() {
      return span.walks;
    },
    next() {
      total += table.size;
      table.visit((count, ids, at) => top.offer(count, () => idAt(ids, at)));
      const heldLittle = table.size * 2 <= heldMax;
      table.keep(() => false);
      return span.next(heldLittle);
    },
    get total() {
      return total;
    },
    top: () => top.items(),
  };
}

interface IdTable {
  add(bytes: Uint8Array, at: number, repeats: number): void;
  readonly size: number;
  visit(visit: (count: number, ids: Uint8Array, at: number) => void): void;
  /** Drops all ids for which `isKept` returns false. */
  keep(isKept: (ids: Uint8Array, at: number) => boolean): void;
}

/** Ids in order of arrival in one array, and a hash table from digest to place. */
function createIdTable(): IdTable {
  let ids = new Uint8Array(512 * ID_BYTES);
  let counts = new Uint32Array(512);
  let slots = new Int32Array(1_024).fill(EMPTY);
  let size = 0;
  /** Returns the slot of an id, or the empty slot where it belongs. */
  const slotOf = (bytes: Uint8Array, at: number): number => {
    const mask = slots.length - 1;
    let slot = hash52At(bytes, at + DIGEST_AT) & mask;
    for (;;) {
      const place = slots[slot] ?? 0;
      if (place === EMPTY || isEqual(ids, place * ID_BYTES, { bytes, at })) return slot;
      slot = (slot + 1) & mask;
    }
  };
  const index = (slotsCount: number) => {
    slots = new Int32Array(slotsCount).fill(EMPTY);
    for (let place = 0; place < size; place++) slots[slotOf(ids, place * ID_BYTES)] = place;
  };
  const grow = () => {
    const [oldIds, oldCounts] = [ids, counts];
    ids = new Uint8Array(oldIds.length * 2);
    ids.set(oldIds);
    counts = new Uint32Array(oldCounts.length * 2);
    counts.set(oldCounts);
    index(slots.length * 2);
  };
  return {
    add(bytes, at, repeats) {
      const slot = slotOf(bytes, at);
      const known = slots[slot] ?? 0;
      if (known !== EMPTY) {
        counts[known] = (counts[known] ?? 0) + repeats;
        return;
      }
      ids.set(bytes.subarray(at, at + ID_BYTES), size * ID_BYTES);
      counts[size] = repeats;
      slots[slot] = size++;
      if (size === counts.length) grow();
    },
    get size() {
      return size;
    },
    visit(visit) {
      for (let place = 0; place < size; place++) visit(counts[place] ?? 0, ids, place * ID_BYTES);
    },
    keep(isKept) {
      let kept = 0;
      for (let place = 0; place < size; place++) {
        const at = place * ID_BYTES;
        if (!isKept(ids, at)) continue;
        ids.copyWithin(kept * ID_BYTES, at, at + ID_BYTES);
        counts[kept++] = counts[place] ?? 0;
      }
      size = kept;
      index(slots.length);
    },
  };
}

/** Compares from the end, where ids of the same entity are most likely to differ. */
function isEqual(ids: Uint8Array, place: number, { bytes, at }: { bytes: Uint8Array; at: number }): boolean {
  for (let i = ID_BYTES - 1; i >= 0; i--) if (ids[place + i] !== bytes[at + i]) return false;
  return true;
}
