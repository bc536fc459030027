import { packStoredMs } from '@pik/schema';

/** Receipts that were taken but are not in the index yet: until they are, no answer as of a later time is final. */
export interface InFlight {
  /** Notes a receive time under a name; the name is free again after `release`. */
  hold(name: string | symbol, receivedMs: number): void;
  release(name: string | symbol): void;
  /**
   * Of a pack that is held: whether it was stored is not known, since its append failed. Such packs are held together by the
   * minute, so that requests which are refused again and again do not pile up.
   */
  doubt(packId: string): void;
  /** Releases the packs that were stored, or would have been, in `[fromMs, toMs)`. */
  releaseStored(range: { readonly fromMs: number; readonly toMs: number }): void;
  /** The oldest receive time that is noted; `Infinity` without any. */
  oldestMs(): number;
  /** Entries that are kept. */
  readonly size: number;
}

/** Packs of one minute of which it is not known whether they were stored. */
interface Doubted {
  firstMs: number;
  lastMs: number;
  oldestMs: number;
}

const MS_PER_MINUTE = 60_000;

/** What this process has in work, and what it could not bring into the index. Names that are texts are those of packs. */
export function createInFlight(): InFlight {
  const held = new Map<string | symbol, number>();
  const doubted = new Map<number, Doubted>();
  return {
    hold(name, receivedMs) {
      held.set(name, receivedMs);
    },
    release(name) {
      held.delete(name);
    },
    doubt(packId) {
      const oldestMs = held.get(packId);
      if (oldestMs === undefined) return;
      held.delete(packId);
      const storedMs = packStoredMs(packId);
      const minute = Math.floor(storedMs / MS_PER_MINUTE);
      const known = doubted.get(minute) ?? { firstMs: storedMs, lastMs: storedMs, oldestMs };
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
      // One by one: however many there are, they are no arguments of a call.
      let oldest = Number.POSITIVE_INFINITY;
      for (const receivedMs of held.values()) if (receivedMs < oldest) oldest = receivedMs;
      for (const { oldestMs } of doubted.values()) if (oldestMs < oldest) oldest = oldestMs;
      return oldest;
    },
    get size() {
      return held.size + doubted.size;
    },
  };
}
