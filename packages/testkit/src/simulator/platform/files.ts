import { constants } from 'node:fs';

import { coded, isFolder, parentOf, type SimFile, type SimFolder, type SimNode } from '../disk.ts';
import { type CallFault, theWorld } from '../world.ts';

// The effects of both forms of the file system.

/** An open file or folder. */
export interface Opened {
  readonly node: SimNode;
  position: number;
}

const FLAGS: Readonly<Record<string, number>> = {
  r: constants.O_RDONLY,
  'r+': constants.O_RDWR,
  w: constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC,
  wx: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
  a: constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND,
};

/** Opens a path. */
export function openPath(path: string, flags: string | number = 'r'): Opened {
  const { disk } = theWorld();
  const bits = typeof flags === 'number' ? flags : FLAGS[flags];
  if (bits === undefined) throw new Error(`flags ${flags} are not simulated`);
  const found = disk.find(path);
  if (found !== undefined && (bits & constants.O_EXCL) !== 0) throw coded('EEXIST', path);
  if (found === undefined && (bits & constants.O_CREAT) === 0) throw coded('ENOENT', path);
  const node = found ?? disk.create(path);
  if (!isFolder(node) && (bits & constants.O_TRUNC) !== 0) node.content = Buffer.alloc(0);
  const isAppending = (bits & constants.O_APPEND) !== 0;
  return { node, position: isAppending && !isFolder(node) ? node.content.length : 0 };
}

/** Throws what a fault says, unless it is one of a write. */
export function failIf(fault: CallFault | null): void {
  if (fault === 'error') throw coded('EIO');
  if (fault === 'full') throw coded('ENOSPC');
}

/** Writes at the end; `short` takes only half of the bytes. */
export function writeTo(opened: Opened, bytes: Uint8Array, fault: CallFault | null): number {
  failIf(fault);
  const file = fileOf(opened);
  const taken = fault === 'short' ? bytes.subarray(0, Math.ceil(bytes.length / 2)) : bytes;
  file.content = Buffer.concat([file.content.subarray(0, opened.position), taken]);
  opened.position += taken.length;
  return taken.length;
}

/** Makes a file or folder durable. A failed sync is final for what was written. */
export function syncOpened({ node }: Opened, fault: CallFault | null): void {
  const { disk } = theWorld();
  if (isFolder(node)) {
    failIf(fault);
    disk.syncFolder(node);
    return;
  }
  if (fault !== null) node.isSpoilt = true;
  failIf(fault);
  disk.syncFile(node);
}

/** The file that is open. Throws EISDIR. */
export function fileOf({ node }: Opened): SimFile {
  if (isFolder(node)) throw coded('EISDIR');
  return node;
}

/** The bytes of a file as a program sees them: those of a database begin with its header. */
export function bytesOf(file: SimFile): Buffer {
  return file.database === null ? file.content : DATABASE_BYTES;
}

/** A page of a database whose header says that it is one page long. */
const DATABASE_BYTES = (() => {
  const page = Buffer.alloc(4_096);
  page.write('SQLite format 3\0', 'latin1');
  page.writeUInt16BE(4_096, 16);
  page.writeUInt32BE(1, 28);
  return page;
})();

/** An entry as `readdir` lists it. */
export interface SimDirent {
  readonly name: string;
  isDirectory(): boolean;
  isFile(): boolean;
}

/** The entries of a folder. */
export function entriesOf(folder: SimFolder): SimDirent[] {
  return [...folder.names].map(([name, node]) => ({
    name,
    isDirectory: () => isFolder(node),
    isFile: () => !isFolder(node),
  }));
}

/** The facts that `stat` returns. */
export function statOf(node: SimNode) {
  const size = isFolder(node) ? 0 : bytesOf(node).length;
  return { size, isDirectory: () => isFolder(node), isFile: () => !isFolder(node), mtimeMs: theWorld().nowMs };
}

/** Makes a folder; without `recursive` the ones above it must exist. */
export function makeFolder(path: string, recursive: boolean): void {
  const { disk } = theWorld();
  if (!recursive && disk.find(path) !== undefined) throw coded('EEXIST', path);
  if (!recursive) disk.folder(parentOf(path));
  disk.makeFolders(path);
}

/** The node at a path. Throws ENOENT. */
export function nodeAt(path: string): SimNode {
  const found = theWorld().disk.find(path);
  if (found === undefined) throw coded('ENOENT', path);
  return found;
}
