import { randomBytes, randomInt } from 'node:crypto';
import { chmod, realpath, unlink } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';

import { KitError, setOwnTimeout } from '@pik/schema/events';

import { homeFor, homeIn, isListening, knownHomeFor, listen, pipeHome, type SocketHome } from './socket-home.ts';

/** The right to be the only one that uses an outbox directory. */
export interface OwnerLock {
  release(): Promise<void>;
}

/** Two that start at the same moment may both see the other and step back; each tries again after a while of its own. */
const ATTEMPTS = 5;
const STEP_BACK_MS_MAX = 60;

/** What the kernel says where a file system has no sockets. */
const NO_SOCKETS = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'EINVAL', 'ENAMETOOLONG']);

/**
 * Takes the directory. The lock is a socket that listens in it: whoever can connect knows that the owner lives. The kernel
 * closes it with the process, however that ends, so no lock is stale, and no process id is trusted: one that was given to
 * another process, or means another process in another container, changes nothing. Nobody needs to answer, so an owner
 * whose event loop is blocked keeps it.
 *
 * Everyone listens first and looks for others after that: of two, at least one sees the other.
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

/** The process that has a directory; null where nobody has, 0 where the system does not say which one. Takes nothing. */
export async function ownerOf(dir: string): Promise<number | null> {
  const path = await realpath(dir);
  if (process.platform === 'win32') {
    const home = await pipeHome(path);
    return (await isListening(home.address(''))) ? 0 : null;
  }
  // Where the file system has no sockets the lock lies elsewhere.
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

/** The name of somebody else who listens; null if there is nobody, and then what dead processes left is removed. */
async function rivalOf(home: SocketHome, own: string): Promise<string | null> {
  if (process.platform === 'win32') return null;
  await chmod(home.address(own), 0o600);
  const others = (await home.list()).filter((name) => isLockName(name) && name !== own);
  for (const name of others) if (await isListening(home.address(name))) return name;
  for (const name of others) await unlink(join(home.dir, name)).catch(() => undefined);
  // One who looked before this one listened may have taken it for dead.
  return (await home.list()).includes(own) ? null : own;
}

async function release(home: SocketHome, server: Server): Promise<void> {
  await close(server);
  home.close();
}

/** Removes the socket's name too. */
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
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
