import { theWorld } from '../world.ts';
import {
  bytesOf,
  entriesOf,
  failIf,
  makeFolder,
  nodeAt,
  openPath,
  type SimDirent,
  statOf,
  syncOpened,
  writeTo,
} from './files.ts';

// In place of `node:fs/promises` in a build for the simulator. Each call waits for its turn.

/** An open file, as far as the kit uses it. */
export interface FileHandle {
  write(bytes: Uint8Array, offset?: number, length?: number): Promise<{ bytesWritten: number }>;
  sync(): Promise<void>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

function change<T>(name: string, effect: () => T): Promise<T> {
  return theWorld().call(name, (fault) => {
    failIf(fault);
    return effect();
  });
}

const look = <T>(effect: () => T): Promise<T> => change('read', effect);

/** As of `node:fs/promises`. */
export function open(path: string, flags: string | number = 'r'): Promise<FileHandle> {
  return change('open', () => {
    const opened = openPath(path, flags);
    const sync = () => theWorld().call('sync', (fault) => syncOpened(opened, fault));
    return {
      write: (bytes, offset = 0, length = bytes.length - offset) =>
        theWorld().call('write', (fault) => ({
          bytesWritten: writeTo(opened, bytes.subarray(offset, offset + length), fault),
        })),
      sync,
      datasync: sync,
      close: () => theWorld().later('close', () => {}),
    };
  });
}

/** As of `node:fs/promises`. */
export function access(path: string): Promise<void> {
  return look(() => void nodeAt(path));
}

/** As of `node:fs/promises`. */
export function link(from: string, to: string): Promise<void> {
  return change('link', () => theWorld().disk.link(from, to));
}

/** As of `node:fs/promises`. */
export function unlink(path: string): Promise<void> {
  return change('unlink', () => theWorld().disk.unlink(path));
}

/** As of `node:fs/promises`. */
export function rename(from: string, to: string): Promise<void> {
  return change('rename', () => theWorld().disk.rename(from, to));
}

/** As of `node:fs/promises`. */
export function mkdir(path: string, { recursive = false }: { recursive?: boolean } = {}): Promise<void> {
  return change('mkdir', () => makeFolder(path, recursive));
}

/** As of `node:fs/promises`. */
export function readFile(path: string, encoding?: 'utf8'): Promise<Buffer | string> {
  return look(() => {
    const bytes = Buffer.from(bytesOf(theWorld().disk.file(path)));
    return encoding === undefined ? bytes : bytes.toString(encoding);
  });
}

/** As of `node:fs/promises`. */
export function readdir(path: string, options?: { withFileTypes?: boolean }): Promise<(string | SimDirent)[]> {
  return look(() => {
    const folder = theWorld().disk.folder(path);
    return options?.withFileTypes === true ? entriesOf(folder) : [...folder.names.keys()];
  });
}

/** As of `node:fs/promises`. */
export function stat(path: string) {
  return look(() => statOf(nodeAt(path)));
}

/** As of `node:fs/promises`. */
export function statfs() {
  return look(() => ({ bavail: 1e6, bsize: 4_096 }));
}

/** As of `node:fs/promises`. */
export function writeFile(path: string, text: string | Uint8Array): Promise<void> {
  return change('write', () => {
    const opened = openPath(path, 'w');
    writeTo(opened, Buffer.from(text), null);
  });
}

/** As of `node:fs/promises`. */
export function copyFile(from: string, to: string): Promise<void> {
  return change('write', () => {
    const bytes = bytesOf(theWorld().disk.file(from));
    writeTo(openPath(to, 'w'), bytes, null);
  });
}

/** As of `node:fs/promises`. */
export function rm(path: string): Promise<void> {
  return change('unlink', () => theWorld().disk.remove(path));
}

/** As of `node:fs/promises`; all modes are allowed. */
export function chmod(path: string): Promise<void> {
  return look(() => void nodeAt(path));
}
