import type { DatabaseSync } from 'node:sqlite';

import type { Clock, EventIndex } from '../../ports/backend.ts';
import type { PackRow, RequestRows } from '../../ports/rows.ts';
import { createGroupCommit } from './group-commit.ts';
import { createInterning } from './interning.ts';
import { createKeyIndex } from './key-index.ts';
import { createReader } from './reader.ts';
import { indexError } from './sqlite.ts';
import { createWriter } from './writer.ts';

/** The index of one machine, with a method to close it. */
export interface LocalIndex extends EventIndex {
  /** Waits for pending commits, then closes the file. */
  close(): Promise<void>;
}

/** Creates the index over one SQLite connection. Reads run immediately, writes share commits. */
export function createEventIndex(
  db: DatabaseSync,
  options: { clock: Clock; onCommitted: (packs: readonly PackRow[]) => void },
): LocalIndex {
  const { clock, onCommitted } = options;
  const interning = createInterning(db);
  const keys = createKeyIndex(db);
  const writer = createWriter(db, keys, interning);
  const commits = createGroupCommit(db, {
    beforeCommit: () => keys.compact(),
    afterCommit: (results) => onCommitted(results.flatMap((rows) => (rows as RequestRows | undefined)?.pack ?? [])),
    afterRollback() {
      interning.forget();
      keys.forget();
    },
  });
  const probe = db.prepare('SELECT count(*) FROM mark');
  const setMark = db.prepare(
    'INSERT INTO mark (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  );
  const check = async <T>(read: () => T): Promise<T> => {
    try {
      return read();
    } catch (error) {
      throw indexError(error);
    }
  };
  const writeMark = (name: string, value: number) =>
    commits.run(() => {
      setMark.run(name, value);
    });
  return {
    ...createReader(db, { clock, check, onDiskUntil: () => Number.MAX_SAFE_INTEGER }),
    async ping() {
      await check(() => probe.get());
      // Only a write can show that writing works again.
      if (!commits.healthy) await writeMark('probed_ms', clock.now());
    },
    admit: (rows, decide) =>
      commits.run(() => {
        const decided = decide(writer.insertEvents(rows, clock.now()));
        writer.writeRest(decided);
        return decided;
      }, rows.length),
    setMark: writeMark,
    addFailures: (rows) =>
      commits.run(() => {
        writer.writeFailures(rows);
      }, rows.length),
    async close() {
      await commits.idle();
      db.close();
    },
  };
}
