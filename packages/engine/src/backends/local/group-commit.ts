import type { DatabaseSync } from 'node:sqlite';

import type { ErrorCode } from '@pik/schema';
import { sometimes } from '../../ports/sometimes.ts';
import { indexError } from './sqlite.ts';

/** The maximum number of rows in one transaction: enough to share a sync, few enough not to block the event loop. */
const ROWS_PER_COMMIT = 1_500;

/** Callbacks around the commits of a file. */
export interface CommitHooks {
  /** Runs after a commit and before its answers, with the results of the work. */
  readonly afterCommit?: (results: readonly unknown[]) => void;
  /** Runs after a rollback, to drop cached facts about rows that are gone. */
  readonly afterRollback?: () => void;
  /** The error code of an unusable file. Default `INDEX_UNAVAILABLE`. */
  readonly unavailable?: ErrorCode;
}

/** Runs pieces of work in shared transactions. */
export interface GroupCommit {
  /** Resolves when the writes of the work are durable. `rows` estimates the number of rows that it writes. */
  run<T>(work: () => T, rows?: number): Promise<T>;
  /** Resolves when no work is waiting. */
  idle(): Promise<void>;
  /** False after a failed commit, until one succeeds. */
  readonly healthy: boolean;
}

interface Job {
  readonly rows: number;
  readonly work: () => unknown;
  /** Resolves the promise of the work with its result. */
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Parts extends CommitHooks {
  readonly db: DatabaseSync;
}

/**
 * Work that waits at the same time shares one commit and thus one sync of the disk. Each piece has its own savepoint, so a
 * failure does not affect the others. No promise resolves before the commit.
 */
export function createGroupCommit(db: DatabaseSync, hooks: CommitHooks = {}): GroupCommit {
  const parts: Parts = { db, ...hooks };
  const queue: Job[] = [];
  const idlers: (() => void)[] = [];
  let scheduled = false;
  let healthy = true;

  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    // Runs after the I/O callbacks of this turn, so that requests whose packs were written together are admitted together.
    setImmediate(drain);
  };

  const drain = () => {
    scheduled = false;
    healthy = commitGroup(parts, takeGroup(queue));
    if (queue.length > 0) schedule();
    else for (const idle of idlers.splice(0)) idle();
  };

  return {
    run: <T>(work: () => T, rows = 0) =>
      new Promise<T>((resolve, reject) => {
        let result: T;
        const keepResult = () => {
          result = work();
          return result;
        };
        queue.push({ rows, work: keepResult, resolve: () => resolve(result), reject });
        schedule();
      }),
    idle: () => (scheduled ? new Promise((resolve) => idlers.push(resolve)) : Promise.resolve()),
    get healthy() {
      return healthy;
    },
  };
}

function takeGroup(queue: Job[]): Job[] {
  let rows = 0;
  let count = 0;
  for (const job of queue) {
    if (count > 0 && rows + job.rows > ROWS_PER_COMMIT) break;
    rows += job.rows;
    count += 1;
  }
  return queue.splice(0, count);
}

interface Done {
  readonly job: Job;
  readonly result: unknown;
}

/** True if the group was committed; its jobs are resolved or rejected either way. */
function commitGroup(parts: Parts, group: readonly Job[]): boolean {
  const done: Done[] = [];
  const failed: { job: Job; error: unknown }[] = [];
  try {
    parts.db.exec('BEGIN IMMEDIATE');
    for (const job of group) runJob(parts, job, { done, failed });
    parts.db.exec('COMMIT');
  } catch (error) {
    sometimes('commit: a group is rolled back');
    undo(parts);
    for (const job of group) rejectJob(parts, job, error);
    return false;
  }
  if (group.length > 1) sometimes('commit: pieces of work share a commit');
  parts.afterCommit?.(done.map(({ result }) => result));
  for (const { job, error } of failed) rejectJob(parts, job, error);
  for (const { job } of done) job.resolve();
  return true;
}

function runJob(parts: Parts, job: Job, results: { done: Done[]; failed: { job: Job; error: unknown }[] }): void {
  parts.db.exec('SAVEPOINT work');
  try {
    const result = job.work();
    parts.db.exec('RELEASE work');
    results.done.push({ job, result });
  } catch (error) {
    // A full disk or an I/O error ends the transaction itself: then the whole group has failed.
    if (!parts.db.isTransaction) throw error;
    sometimes('commit: one piece of work fails and the others do not');
    parts.db.exec('ROLLBACK TO work; RELEASE work');
    parts.afterRollback?.();
    results.failed.push({ job, error });
  }
}

function undo(parts: Parts): void {
  try {
    if (parts.db.isTransaction) parts.db.exec('ROLLBACK');
    parts.afterRollback?.();
  } catch {
    // The original error is reported; the next BEGIN shows whether the file can be used again.
  }
}

function rejectJob(parts: Parts, job: Job, error: unknown): void {
  try {
    job.reject(indexError(error, parts.unavailable));
  } catch (other) {
    job.reject(other);
  }
}
