import type { DatabaseSync } from 'node:sqlite';
import type { AggregateStore, Clock, ReplayQueue, ReplayStore } from '../../ports/backend.ts';
import { createAggregateStore } from './aggregate-store.ts';
import { createGroupCommit } from './group-commit.ts';
import type { HistoryFile } from './history-file.ts';
import { createReplayQueue } from './replay-queue.ts';
import { createReplayStore } from './replay-store.ts';
import { indexError } from './sqlite.ts';

const UNAVAILABLE = 'STORE_UNAVAILABLE';

/** The stores in `history.db`, with a method to close it. */
export interface History {
  readonly aggregates: AggregateStore;
  readonly replays: ReplayStore;
  readonly queue: ReplayQueue;
  close(): Promise<void>;
}

/** Creates the three stores over one connection. */
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
  return {
    aggregates: createAggregateStore(file),
    replays: createReplayStore(file),
    queue: createReplayQueue(file, clock),
    async close() {
      await commits.idle();
      db.close();
    },
  };
}
