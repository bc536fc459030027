import type { LogKeys } from '@pik/engine';

/** Private keys of a signed log in memory. */
export interface MemoryLogKeys extends LogKeys {
  current: string | null;
  next: string | null;
}

/** Creates a store without keys. */
export function createMemoryLogKeys(): MemoryLogKeys {
  const keys: MemoryLogKeys = {
    current: null,
    next: null,
    read: async () => keys.current,
    readNext: async () => keys.next,
    async writeNext(text) {
      keys.next = text;
    },
    async activateNext() {
      keys.current = keys.next;
      keys.next = null;
    },
  };
  return keys;
}
