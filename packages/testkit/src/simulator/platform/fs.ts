import { constants } from 'node:fs';

import { coded } from '../disk.ts';
import { theWorld } from '../world.ts';
import {
  bytesOf,
  failIf,
  fileOf,
  makeFolder,
  nodeAt,
  type Opened,
  openPath,
  statOf,
  syncOpened,
  writeTo,
} from './files.ts';

// In place of `node:fs` in a build for the simulator. Reads never fail; each change may, and the process may end with it.

export { constants };

const opened = new Map<number, Opened>();
let lastFd = 2;

function at(fd: number): Opened {
  const found = opened.get(fd);
  if (found === undefined) throw coded('EBADF');
  return found;
}

/** Drops the files that processes of earlier histories left open. */
export function closeAll(): void {
  opened.clear();
}

/** As of `node:fs`. */
export function existsSync(path: string): boolean {
  return theWorld().disk.find(path) !== undefined;
}

/** As of `node:fs`. */
export function accessSync(path: string): void {
  nodeAt(path);
}

/** As of `node:fs`. */
export function statSync(path: string) {
  return statOf(nodeAt(path));
}

/** As of `node:fs`. */
export function readdirSync(path: string): string[] {
  return [...theWorld().disk.folder(path).names.keys()];
}

/** As of `node:fs`. */
export function readFileSync(path: string, encoding?: 'utf8'): string | Buffer {
  const bytes = bytesOf(theWorld().disk.file(path));
  return encoding === undefined ? Buffer.from(bytes) : bytes.toString(encoding);
}

/** As of `node:fs`; all modes are allowed. */
export function chmodSync(path: string): void {
  nodeAt(path);
}

/** As of `node:fs`. */
export function mkdirSync(path: string, { recursive = false }: { recursive?: boolean } = {}): void {
  theWorld().now('mkdir', (fault) => {
    failIf(fault);
    makeFolder(path, recursive);
  });
}

/** As of `node:fs`. */
export function renameSync(from: string, to: string): void {
  theWorld().now('rename', (fault) => {
    failIf(fault);
    theWorld().disk.rename(from, to);
  });
}

/** As of `node:fs`; always as with `force`. */
export function rmSync(path: string): void {
  if (!existsSync(path)) return;
  theWorld().now('remove', (fault) => {
    failIf(fault);
    theWorld().disk.remove(path);
  });
}

/** As of `node:fs`. */
export function writeFileSync(path: string, text: string): void {
  const fd = openSync(path, 'w');
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  } finally {
    closeSync(fd);
  }
}

/** As of `node:fs`. */
export function openSync(path: string, flags: string | number = 'r'): number {
  const open = () => {
    const fd = ++lastFd;
    opened.set(fd, openPath(path, flags));
    return fd;
  };
  if (flags === 'r') return open();
  return theWorld().now('open', (fault) => {
    failIf(fault);
    return open();
  });
}

/** As of `node:fs`. */
export function closeSync(fd: number): void {
  at(fd);
  opened.delete(fd);
}

/** As of `node:fs`. */
export function fstatSync(fd: number) {
  return statOf(at(fd).node);
}

/** As of `node:fs`. */
export function readSync(
  fd: number,
  ...[into, offset, length, position]: [Uint8Array, number, number, number]
): number {
  const bytes = bytesOf(fileOf(at(fd))).subarray(position, position + length);
  into.set(bytes, offset);
  return bytes.length;
}

/** As of `node:fs`. */
export function writeSync(fd: number, bytes: Uint8Array, offset = 0): number {
  return theWorld().now('write', (fault) => writeTo(at(fd), bytes.subarray(offset), fault));
}

/** As of `node:fs`. */
export function fsyncSync(fd: number): void {
  theWorld().now('sync', (fault) => syncOpened(at(fd), fault));
}

/** As of `node:fs`, for `createInterface` of `readline.ts` alone. */
export function createReadStream(path: string): { readonly text: string } {
  return { text: readFileSync(path, 'utf8') as string };
}

/** As of `node:fs`; there are no links to follow. */
export function realpathSync(path: string): string {
  nodeAt(path);
  return path;
}
