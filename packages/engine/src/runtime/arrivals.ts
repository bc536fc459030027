/** Announces the packs of this process to those who follow the log. */
export interface Arrivals {
  /** A pack has its id. Until the returned function is called, it may still be stored and admitted. */
  named(packId: string): () => void;
  /** A pack was admitted: its receipts have their outcomes. */
  admitted(packId: string): void;
  /** The least id that is named and may still arrive; null if there is none. */
  oldestId(): string | null;
  /** Calls `listener` with each pack admitted from now on, and with null when a named pack is done. */
  subscribe(listener: (packId: string | null) => void): () => void;
}

/** Creates the announcements of one process. They cost next to nothing while nobody follows. */
export function createArrivals(): Arrivals {
  const listeners = new Set<(packId: string | null) => void>();
  const names = new Set<string>();
  const announce = (packId: string | null) => {
    for (const listener of listeners) listener(packId);
  };
  return {
    named(packId) {
      names.add(packId);
      return () => {
        names.delete(packId);
        announce(null);
      };
    },
    admitted: announce,
    oldestId() {
      let oldest: string | null = null;
      for (const name of names) if (oldest === null || name < oldest) oldest = name;
      return oldest;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
