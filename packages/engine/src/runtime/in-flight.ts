import { packStoredMs } from '@pik/schema';

/** Receipts that were accepted but are not indexed yet: until they are, no answer as of a later time is final. */
export interface InFlight {
  /** Registers a receive time under a name; `release` frees the name. */
  hold(name: string | symbol, receivedMs: number): void;
  release(name: string | symbol): void;
  /**
   * Marks a held pack as doubtful: its append failed, so it may or may not be stored. Doubtful packs are grouped by the
   * minute, so that requests that are refused again and again do not pile up.
   */
  doubt(packId: string): void;
  /** Marks a held pack as stored, although its admission failed. */
  leave(packId: string): void;
  /** The ids of packs that are marked so, ascending, once; they stay held until they are released. */
  takeLeft(): string[];
  /** Releases the packs whose storage time lies in `[fromMs, toMs)`, whether or not they were stored. */
  releaseStored(range: { readonly fromMs: number; readonly toMs: number }): void;
  /** The oldest registered receive time; `Infinity` if there is none. */
  oldestMs(): number;
  /** The least id of a pack that is held or doubtful; null if there is none. */
  oldestPackId(): string | null;
  /** The number of entries. */
  readonly size: number;
}

/** The doubtful packs of one minute. */
interface Doubted {
  /** The least of their ids. */
  firstId: string;
  firstMs: number;
  lastMs: number;
  oldestMs: number;
}

const MS_PER_MINUTE = 60_000;

/** Tracks the requests in progress, and the packs that this process could not index. String names are pack ids. */
export function createInFlight(): InFlight {
  const held = new Map<string | symbol, number>();
  const doubted = new Map<number, Doubted>();
  const left = new Set<string>();
  return {
    hold(name, receivedMs) {
      held.set(name, receivedMs);
    },
    release(name) {
      held.delete(name);
    },
    leave(packId) {
      left.add(packId);
    },
    takeLeft() {
      const taken = [...left].filter((packId) => held.has(packId)).sort();
      left.clear();
      return taken;
    },
    doubt(packId) {
      const oldestMs = held.get(packId);
      if (oldestMs === undefined) return;
      held.delete(packId);
      const storedMs = packStoredMs(packId);
      const minute = Math.floor(storedMs / MS_PER_MINUTE);
      const known = doubted.get(minute) ?? { firstId: packId, firstMs: storedMs, lastMs: storedMs, oldestMs };
      if (packId < known.firstId) known.firstId = packId;
      known.firstMs = Math.min(known.firstMs, storedMs);
      known.lastMs = Math.max(known.lastMs, storedMs);
      known.oldestMs = Math.min(known.oldestMs, oldestMs);
      doubted.set(minute, known);
    },
    releaseStored({ fromMs, toMs }) {
      for (const name of held.keys()) {
        if (typeof name === 'string' && packStoredMs(name) >= fromMs && packStoredMs(name) < toMs) held.delete(name);
      }
      for (const [minute, { firstMs, lastMs }] of doubted)
        if (firstMs >= fromMs && lastMs < toMs) doubted.delete(minute);
    },
    oldestMs() {
      // A loop, because a spread into `Math.min` fails beyond some 100,000 arguments.
      let oldest = Number.POSITIVE_INFINITY;
      for (const receivedMs of held.values()) if (receivedMs < oldest) oldest = receivedMs;
      for (const { oldestMs } of doubted.values()) if (oldestMs < oldest) oldest = oldestMs;
      return oldest;
    },
    oldestPackId() {
      let oldest: string | null = null;
      for (const name of held.keys()) if (typeof name === 'string' && (oldest === null || name < oldest)) oldest = name;
      for (const { firstId } of doubted.values()) if (oldest === null || firstId < oldest) oldest = firstId;
      return oldest;
    },
    get size() {
      return held.size + doubted.size;
    },
  };
}
