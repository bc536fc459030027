import type { DatabaseSync } from 'node:sqlite';
import type { AggregateStore, Clock, MonitorStore, ReplayQueue, ReplayStore } from '../../ports/backend.ts';
import { createAggregateStore } from './aggregate-store.ts';
import { createGroupCommit } from './group-commit.ts';
import type { HistoryFile } from './history-file.ts';
import { createMonitorStore } from './monitor-store.ts';
import { createReplayQueue } from './replay-queue.ts';
import { createReplayStore } from './replay-store.ts';
import { indexError, prepareRows, requireRow } from './sqlite.ts';

const UNAVAILABLE = 'STORE_UNAVAILABLE';

/** The stores in `history.db`, with a method to close it. */
export interface History {
  readonly aggregates: AggregateStore;
  readonly replays: ReplayStore;
  readonly queue: ReplayQueue;
  readonly monitors: MonitorStore;
  /** Messages that wait or are in work, and dead letters. */
  countMessages(): { readonly waiting: number; readonly dead: number };
  close(): Promise<void>;
}

/** Creates the stores over one connection. */
export function createHistory(db: DatabaseSync, clock: Clock): History {
  const commits = createGroupCommit(db, { unavailable: UNAVAILABLE });
  const file: HistoryFile = {
    db,
    async read(work) {
      try {
        return work();
      } catch (error) {
        throw indexError(error, UNAVAILABLE);
      }
    },
    write: (work) => commits.run(work, 1),
  };
  const messages = prepareRows<{ waiting: number; dead: number }>(
    db,
    `SELECT (SELECT count(*) FROM message WHERE visible_ms IS NOT NULL) AS waiting,
       (SELECT count(*) FROM message WHERE died_ms IS NOT NULL) AS dead`,
  );
  return {
    countMessages: () => requireRow(messages.get()),
    aggregates: createAggregateStore(file),
    replays: createReplayStore(file),
    queue: createReplayQueue(file, clock),
    monitors: createMonitorStore(file),
    async close() {
      await commits.idle();
      db.close();
    },
  };
}
