import type { DatabaseSync } from 'node:sqlite';

import type { Clock, EventIndex } from '../../ports/backend.ts';
import type { HourStore } from '../../ports/closed-hours.ts';
import type { PackRow, RequestRows } from '../../ports/rows.ts';
import { sometimes } from '../../ports/sometimes.ts';
import { createGroupCommit } from './group-commit.ts';
import { createHourReader, createHourWriter } from './hour-store.ts';
import { createInterning } from './interning.ts';
import type { KeyRuns } from './key-runs/key-runs.ts';
import { createEventRows } from './packed/event-rows.ts';
import { createReader } from './reader.ts';
import { createRowEraser, type RowEraser } from './row-eraser.ts';
import { indexError } from './sqlite.ts';
import { createWriter } from './writer.ts';

/** The index of one machine, with a method to close it. */
export interface LocalIndex extends EventIndex {
  /** The commits of closed hours, which are in the same file. */
  readonly hours: HourStore;
  /** Removes rows of erased receipts. */
  readonly eraser: RowEraser;
  /** Waits for pending commits, then closes the file. */
  close(): Promise<void>;
}

/** Creates the index over one SQLite connection and the keys of its events. Reads run immediately, writes share commits. */
export function createEventIndex(
  db: DatabaseSync,
  options: { clock: Clock; keys: KeyRuns; onCommitted: (packs: readonly PackRow[]) => void },
): LocalIndex {
  const { clock, keys, onCommitted } = options;
  const interning = createInterning(db);
  const hours = createHourWriter(db);
  const rows = createEventRows(db, { isWriter: true });
  const writer = createWriter(db, { keys, rows, interning, hours });
  const commits = createGroupCommit(db, {
    afterCommit(results) {
      keys.publish();
      onCommitted(results.flatMap((rows) => (rows as RequestRows | undefined)?.pack ?? []));
    },
    afterRollback() {
      interning.forget();
      rows.forget();
      // Within a transaction, the piece of work that failed has taken its own keys back.
      if (!db.isTransaction) keys.takeBack(keys.published);
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
    ...createReader(db, { clock, keys, rows, check }),
    hours: {
      ...createHourReader(db, { rows, check }),
      commit: (row, packIds) => commits.run(() => hours.commit(row, packIds)),
    },
    eraser: createRowEraser(db, { commits, keys, rows, interning, check }),
    async ping() {
      await check(() => probe.get());
      // Only a write can show that writing works again.
      if (!commits.healthy) sometimes('index: a ping writes after a failed commit');
      if (!commits.healthy) await writeMark('probed_ms', clock.now());
    },
    admit: (rows, decide) =>
      commits.run(
        () =>
          orTakeBack(keys, () => {
            const decided = decide(writer.insertEvents(rows, clock.now()));
            writer.writeRest(decided);
            return decided;
          }),
        rows.length,
      ),
    setMark: writeMark,
    addFailures: (rows) => commits.run(() => writer.writeFailures(rows), rows.length),
    async close() {
      await commits.idle();
      await keys.close();
      db.close();
    },
  };
}

/** Does a piece of work; if it fails, the keys that it has added are taken back with its rows. */
function orTakeBack<T>(keys: KeyRuns, work: () => T): T {
  const { last } = keys;
  try {
    return work();
  } catch (error) {
    sometimes('index: the keys of a failed admission are taken back');
    keys.takeBack(last);
    throw error;
  }
}
