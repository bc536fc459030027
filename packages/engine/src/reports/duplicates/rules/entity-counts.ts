import { createSpan } from '../../../runtime/rules/span.ts';

/** Counts distinct entities per tally by hashes below 2^52. Exact for any number of hashes. */
export interface EntityCounts {
  /** Adds an entity to a tally; tallies are numbered from 0. */
  add(entity: number, tally: number): void;
  of(tally: number): number;
  /** Estimated number of walks, from what the first one has found so far. */
  readonly walks: number;
  /** Ends a walk over all receipts; returns true if another one is needed. */
  next(): boolean;
}

/** Pairs of entity and tally in memory at a time: 50 MB. A million receipts with a group each take one walk. */
const HELD_MAX = 2_000_000;

const EMPTY = -1;
/** Initial slots. The table grows when half of its slots are taken. */
const SLOTS_MIN = 1_024;

/** Creates empty counts. */
export function createEntityCounts(heldMax = HELD_MAX): EntityCounts {
  const span = createSpan();
  const counts: number[] = [];
  let entities = new Float64Array(SLOTS_MIN);
  let tallies = new Int32Array(SLOTS_MIN).fill(EMPTY);
  let size = 0;
  /** Returns false if the pair exists already. */
  const insert = (entity: number, tally: number): boolean => {
    const mask = tallies.length - 1;
    let slot = mixed(entity, tally) & mask;
    while (tallies[slot] !== EMPTY) {
      if (tallies[slot] === tally && entities[slot] === entity) return false;
      slot = (slot + 1) & mask;
    }
    entities[slot] = entity;
    tallies[slot] = tally;
    size += 1;
    return true;
  };
  const rebuild = (slots: number) => {
    const [oldEntities, oldTallies] = [entities, tallies];
    entities = new Float64Array(slots);
    tallies = new Int32Array(slots).fill(EMPTY);
    size = 0;
    for (let i = 0; i < oldTallies.length; i++) {
      const [entity, tally] = [oldEntities[i] ?? 0, oldTallies[i] ?? 0];
      if (tally === EMPTY) continue;
      if (span.has(entity)) insert(entity, tally);
      else counts[tally] = (counts[tally] ?? 0) - 1;
    }
  };
  return {
    add(entity, tally) {
      if (!span.has(entity) || !insert(entity, tally)) return;
      counts[tally] = (counts[tally] ?? 0) + 1;
      while (size > heldMax && span.narrow()) rebuild(tallies.length);
      if (size * 2 >= tallies.length) rebuild(tallies.length * 2);
    },
    of: (tally) => counts[tally] ?? 0,
    get walks() {
      return span.walks;
    },
    next() {
      const heldLittle = size * 2 <= heldMax;
      tallies.fill(EMPTY);
      size = 0;
      return span.next(heldLittle);
    },
  };
}

function mixed(entity: number, tally: number): number {
  const high = Math.floor(entity / 2 ** 26);
  const mix =
    Math.imul(high, 0x9e3779b1) ^ Math.imul(entity - high * 2 ** 26, 0x85ebca77) ^ Math.imul(tally, 0xc2b2ae3d);
  return mix ^ (mix >>> 15);
}
