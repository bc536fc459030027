import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder in which processes that compete for the same lock listen, each on a socket of its own. */
export interface SocketHome {
  readonly dir: string;
  address(name: string): string;
  list(): Promise<readonly string[]>;
  close(): void;
}

/** Longest socket path that every kernel accepts. */
const ADDRESS_BYTES_MAX = 100;

/** Longest name of a socket. */
const NAME_BYTES_MAX = 24;

/** Uses the folder itself. On Linux, a folder with a long path is reached through its descriptor. */
export function homeIn(dir: string): SocketHome {
  const isLong = Buffer.byteLength(dir) + 1 + NAME_BYTES_MAX > ADDRESS_BYTES_MAX;
  const fd = isLong && process.platform === 'linux' ? openSync(dir, 'r') : null;
  return {
    dir,
    address: (name) => (fd === null ? join(dir, name) : `/proc/self/fd/${fd}/${name}`),
    list: () => readdir(dir),
    close: () => {
      if (fd !== null) closeSync(fd);
    },
  };
}

/**
 * Uses a temporary folder, for file systems without sockets. It is the same for all processes of this machine (or
 * container) that name the same directory.
 */
export async function homeFor(dir: string): Promise<SocketHome> {
  const home = await pathFor(dir);
  await mkdir(home, { recursive: true, mode: 0o700 });
  return homeIn(home);
}

/** The temporary folder if it exists; else null. */
export async function knownHomeFor(dir: string): Promise<SocketHome | null> {
  const home = await pathFor(dir);
  return existsSync(home) ? homeIn(home) : null;
}

async function pathFor(dir: string): Promise<string> {
  const { dev, ino } = await stat(dir, { bigint: true });
  const name = createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 16);
  return join(tmpdir(), `pik-outbox-${name}`);
}

/** Uses a named pipe on Windows, which gives each name to one process at a time. */
export async function pipeHome(dir: string): Promise<SocketHome> {
  const { dev, ino } = await stat(dir, { bigint: true });
  return { dir, address: () => `\\\\.\\pipe\\pik-outbox-${dev}-${ino}`, list: async () => [], close: () => undefined };
}

/** Listens without keeping the process alive. Disconnects every client. */
export async function listen(address: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // Otherwise a worker of a cluster would share the socket of another worker.
    server.listen({ path: address, exclusive: true }, () => resolve());
  });
  server.on('error', () => undefined);
  server.unref();
  return server;
}

/**
 * Whether a process listens at the address. If in doubt yes: only a refusal or a missing socket means that none does.
 */
export function isListening(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}
