import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { KitError } from '@pik/schema';

import { dirFault } from './dir-fault.ts';
import { isBusy, makePrivate } from './sqlite.ts';

/** The exclusive right to write to a data directory. */
export interface OwnerLock {
  release(): void;
}

/**
 * Takes the lock of a directory. Node has no file locks, but SQLite does: a transaction on a separate file holds a lock of
 * the operating system, which ends with the process in any case. No other code may open that file, since closing it
 * anywhere in this process would release the lock.
 *
 * @throws KitError `DATA_DIR_LOCKED`, naming the process that holds it.
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
    // `mode` applies to new files only.
    chmodSync(note, 0o600);
  } catch {
    // The note is for people; the lock holds even if a full disk prevents the note.
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

/** For the message only: the note is not the lock, and its process may be long gone. */
function ownerOf(note: string): string {
  try {
    const { pid, since } = JSON.parse(readFileSync(note, 'utf8')) as { pid: number; since: string };
    return `process ${pid} since ${since}`;
  } catch {
    return 'another process';
  }
}
