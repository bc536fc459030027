import type { DatabaseSync } from 'node:sqlite';

import type { Clock } from '../../ports/backend.ts';
import type { EventRow, Insertion, PackRow, RequestRows } from '../../ports/rows.ts';
import type { Interning } from './interning.ts';
import type { KeyIndex } from './key-index.ts';
import { indexError } from './sqlite.ts';
import type { Writer } from './writer.ts';

/** Event rows in one transaction: enough to share a sync among requests, few enough not to hold up the event loop. */
const ROWS_PER_COMMIT = 1_500;

/** What a group commit is made of. */
export interface GroupCommitParts {
  readonly db: DatabaseSync;
  readonly writer: Writer;
  readonly interning: Interning;
  readonly keys: KeyIndex;
  readonly clock: Clock;
  /** Called after a commit and before its answers, with the PACK rows that it made durable. */
  readonly onCommitted: (packs: readonly PackRow[]) => void;
}

/** Takes requests into shared transactions. */
export interface GroupCommit {
  admit<T extends RequestRows>(rows: readonly EventRow[], settle: (met: readonly Insertion[]) => T): Promise<T>;
  /** Runs alone, in a transaction of its own, after those that wait. */
  write(work: () => void): Promise<void>;
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>;
  /** False after a failed commit, until one succeeds. */
  readonly healthy: boolean;
}

interface Job {
  readonly rows: readonly EventRow[];
  readonly run: () => RequestRows | null;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Requests that wait at the same time share one commit, and so one sync of the disk. Each has a savepoint of its own: one
 * that fails takes no other with it. Nothing is resolved before the commit.
 */
export function createGroupCommit(parts: GroupCommitParts): GroupCommit {
  const queue: Job[] = [];
  const idlers: (() => void)[] = [];
  let scheduled = false;
  let healthy = true;

  const enqueue = <T>(rows: readonly EventRow[], run: () => RequestRows | null): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      queue.push({ rows, run, resolve: resolve as Job['resolve'], reject });
      schedule();
    });

  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    // After the I/O callbacks of this turn, so that requests whose packs were written together are admitted together.
    setImmediate(drain);
  };

  const drain = () => {
    scheduled = false;
    healthy = commitGroup(parts, takeGroup(queue));
    if (queue.length > 0) schedule();
    else for (const idle of idlers.splice(0)) idle();
  };

  return {
    admit: (rows, settle) => enqueue(rows, () => admitOne(parts, rows, settle)),
    write: (work) =>
      enqueue([], () => {
        work();
        return null;
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
  while (count < queue.length && (count === 0 || rows + (queue[count] as Job).rows.length <= ROWS_PER_COMMIT)) {
    rows += (queue[count] as Job).rows.length;
    count += 1;
  }
  return queue.splice(0, count);
}

function admitOne<T extends RequestRows>(
  parts: GroupCommitParts,
  rows: readonly EventRow[],
  settle: (met: readonly Insertion[]) => T,
): T {
  const settled = settle(parts.writer.insertEvents(rows, parts.clock.now()));
  parts.writer.writeRest(settled);
  return settled;
}

interface Done {
  readonly job: Job;
  readonly rows: RequestRows | null;
}

/** True when the group was committed; its jobs are resolved or rejected either way. */
function commitGroup(parts: GroupCommitParts, group: readonly Job[]): boolean {
  const done: Done[] = [];
  const failed: { job: Job; error: unknown }[] = [];
  try {
    parts.db.exec('BEGIN IMMEDIATE');
    for (const job of group) runJob(parts, job, { done, failed });
    parts.keys.compact();
    parts.db.exec('COMMIT');
  } catch (error) {
    undo(parts);
    for (const job of group) rejectJob(job, error);
    return false;
  }
  parts.onCommitted(done.flatMap(({ rows }) => rows?.pack ?? []));
  for (const { job, error } of failed) rejectJob(job, error);
  for (const { job, rows } of done) job.resolve(rows as never);
  return true;
}

function runJob(
  parts: GroupCommitParts,
  job: Job,
  results: { done: Done[]; failed: { job: Job; error: unknown }[] },
): void {
  parts.db.exec('SAVEPOINT request');
  try {
    const rows = job.run();
    parts.db.exec('RELEASE request');
    results.done.push({ job, rows });
  } catch (error) {
    // A full disk or an I/O error ends the transaction itself: then the whole group has failed.
    if (!parts.db.isTransaction) throw error;
    parts.db.exec('ROLLBACK TO request; RELEASE request');
    forget(parts);
    results.failed.push({ job, error });
  }
}

function undo(parts: GroupCommitParts): void {
  try {
    if (parts.db.isTransaction) parts.db.exec('ROLLBACK');
    forget(parts);
  } catch {
    // The error that led here is the one to tell; the next BEGIN shows whether the file can be used again.
  }
}

/** What was remembered of rows that are gone. */
function forget(parts: GroupCommitParts): void {
  parts.interning.forget();
  parts.keys.forget();
}

function rejectJob(job: Job, error: unknown): void {
  try {
    job.reject(indexError(error));
  } catch (other) {
    job.reject(other);
  }
}
