import { randomBytes, randomInt } from 'node:crypto';
import { chmod, realpath, unlink } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';

import { KitError, setOwnTimeout } from '@pik/schema/events';

import { errnoOf } from './files.ts';
import { homeFor, homeIn, isListening, knownHomeFor, listen, pipeHome, type SocketHome } from './socket-home.ts';

/** Exclusive ownership of an outbox directory. */
export interface OwnerLock {
  release(): Promise<void>;
}

/**
 * Two processes that start at the same time may see each other and both step back; each retries after a random delay.
 */
const ATTEMPTS = 5;
const STEP_BACK_MS_MAX = 60;

/** Error codes of file systems without sockets. */
const NO_SOCKETS = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'EINVAL', 'ENAMETOOLONG']);

/**
 * Locks the directory. The lock is a socket that listens in it: a process that can connect knows that the owner is
 * alive. The kernel closes the socket when the process ends in any way, so a lock is never stale. Process ids are not
 * trusted: they may be reused, or belong to another container. The owner need not answer, so it keeps the lock even if
 * its event loop is blocked.
 *
 * Every process listens first and then looks for others: of two, at least one sees the other.
 *
 * @throws KitError `DATA_DIR_LOCKED` naming the process that has it, `DATA_DIR_UNUSABLE`.
 */
export async function takeOwnerLock(dir: string): Promise<OwnerLock> {
  try {
    const path = await realpath(dir);
    if (process.platform === 'win32') return await take(await pipeHome(path), path);
    try {
      return await take(homeIn(path), path);
    } catch (error) {
      if (!NO_SOCKETS.has(codeOf(error))) throw error;
      return await take(await homeFor(path), path);
    }
  } catch (cause) {
    if (KitError.is(cause)) throw cause;
    throw new KitError('DATA_DIR_UNUSABLE', `${dir} cannot be locked (${codeOf(cause)})`, { cause });
  }
}

/** The process that owns a directory; null if none does, 0 if the system does not report which one. Does not lock. */
export async function ownerOf(dir: string): Promise<number | null> {
  const path = await realpath(dir);
  if (process.platform === 'win32') {
    const home = await pipeHome(path);
    return (await isListening(home.address(''))) ? 0 : null;
  }
  // On file systems without sockets, the lock is elsewhere.
  for (const home of [homeIn(path), await knownHomeFor(path)]) {
    if (home === null) continue;
    try {
      for (const name of (await home.list()).filter(isLockName))
        if (await isListening(home.address(name))) return Number(name.split('-')[1]);
    } finally {
      home.close();
    }
  }
  return null;
}

function isLockName(name: string): boolean {
  return /^lock-\d+-[0-9a-f]{8}$/.test(name);
}

async function take(home: SocketHome, dir: string): Promise<OwnerLock> {
  let rival: string | null = null;
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (attempt > 0) await delay(randomInt(STEP_BACK_MS_MAX));
      const name = `lock-${process.pid}-${randomBytes(4).toString('hex')}`;
      const server = await listen(home.address(name)).catch(nullIfTaken);
      if (server === null) continue;
      rival = await rivalOf(home, name);
      if (rival === null) return { release: () => release(home, server) };
      await close(server);
    }
  } catch (error) {
    home.close();
    throw error;
  }
  home.close();
  const owner = rival === null ? 'another process' : `process ${rival.split('-')[1]}`;
  throw new KitError('DATA_DIR_LOCKED', `${dir} is in use by ${owner}; an outbox belongs to one process`);
}

/** The lock name of another listening process; null if there is none. Removes the names that dead processes left. */
async function rivalOf(home: SocketHome, own: string): Promise<string | null> {
  if (process.platform === 'win32') return null;
  await chmod(home.address(own), 0o600);
  const others = (await home.list()).filter((name) => isLockName(name) && name !== own);
  for (const name of others) if (await isListening(home.address(name))) return name;
  for (const name of others) await unlink(join(home.dir, name)).catch(() => undefined);
  // A process that looked before this one listened may have removed its name as stale.
  return (await home.list()).includes(own) ? null : own;
}

async function release(home: SocketHome, server: Server): Promise<void> {
  await close(server);
  home.close();
}

/** Also removes the socket's name. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => void setOwnTimeout(resolve, ms));
}

function nullIfTaken(error: unknown): null {
  if (codeOf(error) === 'EADDRINUSE') return null;
  throw error;
}

function codeOf(error: unknown): string {
  return errnoOf(error);
}
