import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';

/**
 * The few calls on files that an outbox makes, so that tests can fail each of them. Paths are absolute, descriptors are
 * numbers; errors are those of Node, with `code`.
 */
export interface Files {
  /** Makes a folder for its owner alone, and those above it that are missing, durably; fine where it exists. */
  makeDir(path: string): Promise<void>;
  /** The names in a folder; none where it is missing. */
  list(dir: string): Promise<readonly string[]>;
  /** Makes names that were created, renamed or removed in a folder durable. */
  syncDir(dir: string): Promise<void>;
  /** Opens a file for reading and writing, for its owner alone; `EEXIST` or `ENOENT` by what `mode` expects. */
  open(path: string, mode: 'new' | 'existing'): Promise<number>;
  /** Up to `into.length` bytes from `position` on; 0 at the end. */
  read(fd: number, into: Uint8Array, position: number): Promise<number>;
  /** Writes at `position`, perhaps fewer bytes than given; the number written. */
  write(fd: number, bytes: Uint8Array, position: number): Promise<number>;
  /** Makes the content of a file durable. An error is final: a second call proves nothing. */
  sync(fd: number): Promise<void>;
  /** Cuts a file off. */
  truncate(fd: number, length: number): Promise<void>;
  close(fd: number): Promise<void>;
  size(path: string): Promise<number>;
  unlink(path: string): Promise<void>;
  /** For the last moments of a process, when nothing can be waited for. */
  writeSync(fd: number, bytes: Uint8Array, position: number): number;
  syncSync(fd: number): void;
}

// Not `fs.promises`: a handle per file and a promise per call cost more than the calls.
const open = promisify(fs.open);
const close = promisify(fs.close);
const read = promisify(fs.read);
const write = promisify(fs.write);
const fdatasync = promisify(fs.fdatasync);
const fsync = promisify(fs.fsync);
const ftruncate = promisify(fs.ftruncate);

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;

/** The file system of this machine. */
export const nodeFiles: Files = {
  async makeDir(path) {
    const made = await fs.promises.mkdir(path, { recursive: true, mode: 0o700 });
    if (made === undefined) return;
    const top = dirname(resolve(made));
    for (let above = dirname(resolve(path)); above.length >= top.length; above = dirname(above)) {
      await this.syncDir(above);
      if (above === top) break;
    }
  },
  async list(dir) {
    return fs.promises.readdir(dir).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
  },
  async syncDir(dir) {
    // Windows opens no folders; its names are durable with its journal.
    if (process.platform === 'win32') return;
    const fd = await open(dir, O_RDONLY);
    try {
      await fsync(fd);
    } finally {
      await close(fd);
    }
  },
  open: (path, mode) => open(path, mode === 'new' ? O_RDWR | O_CREAT | O_EXCL : O_RDWR, 0o600),
  async read(fd, into, position) {
    return (await read(fd, into, 0, into.length, position)).bytesRead;
  },
  async write(fd, bytes, position) {
    return (await write(fd, bytes, 0, bytes.length, position)).bytesWritten;
  },
  sync: (fd) => fdatasync(fd),
  truncate: (fd, length) => ftruncate(fd, length),
  close: (fd) => close(fd),
  async size(path) {
    return (await fs.promises.stat(path)).size;
  },
  unlink: (path) => fs.promises.unlink(path),
  writeSync: (fd, bytes, position) => fs.writeSync(fd, bytes, 0, bytes.length, position),
  syncSync: (fd) => fs.fdatasyncSync(fd),
};

/** A write may take fewer bytes than it was given without calling that an error. */
export async function writeAll(files: Files, fd: number, at: { bytes: Uint8Array; position: number }): Promise<void> {
  for (let done = 0; done < at.bytes.length; ) {
    const written = await files.write(fd, at.bytes.subarray(done), at.position + done);
    if (written === 0) throw tookNothing();
    done += written;
  }
}

/** `writeAll` for the last moments of a process. */
export function writeAllSync(files: Files, fd: number, at: { bytes: Uint8Array; position: number }): void {
  for (let done = 0; done < at.bytes.length; ) {
    const written = files.writeSync(fd, at.bytes.subarray(done), at.position + done);
    if (written === 0) throw tookNothing();
    done += written;
  }
}

function tookNothing(): Error {
  return Object.assign(new Error('a write took no byte'), { code: 'ENOSPC' });
}

/** Bytes `[start, end)` of a file, fewer where it ends before; null where there is no such file. */
export async function readRange(
  files: Files,
  path: string,
  { start = 0, end }: { start?: number; end?: number } = {},
): Promise<Buffer | null> {
  let fd: number;
  try {
    fd = await files.open(path, 'existing');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const bytes = Buffer.allocUnsafeSlow((end ?? (await files.size(path))) - start);
    let length = 0;
    while (length < bytes.length) {
      const count = await files.read(fd, bytes.subarray(length), start + length);
      if (count === 0) break;
      length += count;
    }
    return bytes.subarray(0, length);
  } finally {
    await files.close(fd);
  }
}
