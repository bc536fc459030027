/** Receipts that were taken but are not in the index yet: until they are, no answer as of a later time is final. */
export interface InFlight {
  /** Notes a receive time under a name; the name is free again after `release`. */
  hold(name: string | symbol, receivedMs: number): void;
  release(name: string | symbol): void;
  /** Releases the packs that pass: names that are texts are those of packs. */
  releasePacks(passes: (packId: string) => boolean): void;
  /** The oldest receive time that is noted; `Infinity` without any. */
  oldestMs(): number;
}

/** What this process has in work, and what it could not bring into the index. */
export function createInFlight(): InFlight {
  const held = new Map<string | symbol, number>();
  return {
    hold(name, receivedMs) {
      held.set(name, receivedMs);
    },
    release(name) {
      held.delete(name);
    },
    releasePacks(passes) {
      for (const name of held.keys()) if (typeof name === 'string' && passes(name)) held.delete(name);
    },
    oldestMs: () => Math.min(...held.values()),
  };
}
