import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { KitError } from '@pik/schema';

import { dirFault } from './dir-fault.ts';
import { isBusy, makePrivate } from './sqlite.ts';

/** The right to be the only process that writes to a data directory. */
export interface OwnerLock {
  release(): void;
}

/**
 * Takes the directory. Node has no call for file locks, SQLite has: a transaction on a file of its own holds a lock of
 * the operating system, which vanishes with the process however that ends. No one else ever opens that file, since
 * closing it anywhere in this process would drop the lock.
 *
 * @throws KitError `DATA_DIR_LOCKED` naming the process that has it.
 */
export function takeOwnerLock(dir: string): OwnerLock {
  const lock = openLock(dir);
  const note = join(dir, 'owner.json');
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    if (!isBusy(cause)) throw dirFault(dir, cause);
    throw new KitError('DATA_DIR_LOCKED', `${dir} is in use by ${ownerOf(note)}; one data directory has one server`, {
      cause,
    });
  }
  try {
    writeFileSync(note, `${JSON.stringify({ pid: process.pid, since: new Date().toISOString() })}\n`, { mode: 0o600 });
    // The mode is that of a new file only.
    chmodSync(note, 0o600);
  } catch {
    // The note is for people; on a full disk it stays away, and the lock holds all the same.
  }
  return { release: () => lock.close() };
}

function openLock(dir: string): DatabaseSync {
  try {
    makePrivate(join(dir, 'owner.lock'));
    return new DatabaseSync(join(dir, 'owner.lock'), { timeout: 0 });
  } catch (cause) {
    throw dirFault(dir, cause);
  }
}

/** Only for the message: the note is not the lock, and may be of a process long gone. */
function ownerOf(note: string): string {
  try {
    const { pid, since } = JSON.parse(readFileSync(note, 'utf8')) as { pid: number; since: string };
    return `process ${pid} since ${since}`;
  } catch {
    return 'another process';
  }
}
