import { DatabaseSync } from 'node:sqlite';

import { KitError, packStoredMs } from '@pik/schema';

import { createEventIndex } from '../backends/local/event-index.ts';
import { SCHEMA } from '../backends/local/schema.ts';
import type { Backend, Clock, RawLog } from '../ports/backend.ts';

/** A clock that stands until it is told otherwise. */
export interface TestClock extends Clock {
  ms: number;
}

/** A clock that starts at 2026-01-01T00:00:00Z unless told otherwise. */
export function createTestClock(ms = Date.UTC(2026, 0, 1)): TestClock {
  return {
    ms,
    now() {
      return this.ms;
    },
  };
}

/** A backend that forgets: the local index over a database in memory, and packs in a map. For fast tests. */
export function createMemoryBackend(
  clock: Clock = createTestClock(),
): Backend & { readonly packs: Map<string, Uint8Array> } {
  const db = new DatabaseSync(':memory:');
  db.exec(SCHEMA);
  const packs = new Map<string, Uint8Array>();
  const index = createEventIndex(db, { clock, onCommitted() {} });
  return { clock, index, packs, rawLog: createMemoryRawLog(packs), close: () => index.close() };
}

/** A raw log over a map, which the test may read, and damage. */
export function createMemoryRawLog(packs: Map<string, Uint8Array>): RawLog {
  return {
    async append(packId, bytes) {
      const stored = packs.get(packId);
      if (stored !== undefined && Buffer.compare(stored, bytes) !== 0) throw new KitError('RAW_EXISTS');
      packs.set(packId, bytes);
    },
    async read(packId) {
      return packs.get(packId) ?? null;
    },
    async list({ fromMs, toMs }) {
      const inRange = (packId: string) => packStoredMs(packId) >= fromMs && packStoredMs(packId) < toMs;
      return { items: [...packs.keys()].filter(inRange).sort(), next: null };
    },
  };
}
