/** The names by which most listeners choose a receipt. */
export interface ReceiptNames {
  readonly source: string | null;
  readonly event_type: string | null;
  /** Null for a rejected record. */
  readonly event: { readonly entity_id: string } | null;
}

/** A pack that is being stored. */
export interface KeptPack {
  /** UTF-8. */
  readonly text: Buffer;
  /** The names of its receipts, line by line. */
  readonly names: readonly ReceiptNames[];
}

/** Announces the packs of this process to those who follow the log. */
export interface Announcements {
  /** A pack has its id. Until the returned function is called, it may still be stored and admitted. */
  named(packId: string): () => void;
  /** A pack was admitted: its receipts have their outcomes. */
  admitted(packId: string): void;
  /** Keeps a pack that is being stored, if somebody follows the log and the bound allows it. */
  keep(packId: string, pack: () => KeptPack): void;
  /** The kept pack, once; null if it was not kept. */
  take(packId: string): KeptPack | null;
  /** The least id that is named and may still arrive; null if there is none. */
  oldestId(): string | null;
  /** Calls `listener` with each pack admitted from now on, and with null when a named pack is done. */
  subscribe(listener: (packId: string | null) => void): () => void;
}

/** Bytes of the texts that are kept: enough for packs that wait for their turn. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024;

/** Creates the announcements of one process. They cost next to nothing while nobody follows. */
export function createAnnouncements(): Announcements {
  const listeners = new Set<(packId: string | null) => void>();
  const names = new Set<string>();
  const kept = new Map<string, { readonly pack: KeptPack; isAdmitted: boolean }>();
  let keptBytes = 0;
  const take = (packId: string) => {
    const pack = kept.get(packId)?.pack ?? null;
    if (kept.delete(packId)) keptBytes -= pack?.text.length ?? 0;
    return pack;
  };
  const announce = (packId: string | null) => {
    for (const listener of listeners) listener(packId);
  };
  return {
    named(packId) {
      names.add(packId);
      return () => {
        names.delete(packId);
        if (kept.get(packId)?.isAdmitted === false) take(packId);
        announce(null);
      };
    },
    admitted(packId) {
      const one = kept.get(packId);
      if (one !== undefined) one.isAdmitted = true;
      announce(packId);
    },
    keep(packId, describe) {
      if (listeners.size === 0) return;
      const pack = describe();
      if (keptBytes + pack.text.length > KEPT_BYTES_MAX) return;
      kept.set(packId, { pack, isAdmitted: false });
      keptBytes += pack.text.length;
    },
    take,
    oldestId() {
      let oldest: string | null = null;
      for (const name of names) if (oldest === null || name < oldest) oldest = name;
      return oldest;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        kept.clear();
        keptBytes = 0;
      };
    },
  };
}
