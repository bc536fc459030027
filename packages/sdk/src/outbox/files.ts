import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';

/**
 * The file operations of an outbox, so that tests can fail each of them. Paths are absolute, descriptors are numbers,
 * and errors are Node's, with `code`.
 */
export interface Files {
  /** Durably creates a folder and its missing parents, for the owner only. Does nothing if it exists. */
  makeDir(path: string): Promise<void>;
  /** The names in a folder; empty if it does not exist. */
  list(dir: string): Promise<readonly string[]>;
  /** Makes created, renamed and removed names in a folder durable. */
  syncDir(dir: string): Promise<void>;
  /**
   * Opens a file for reading and writing, for the owner only; fails with `EEXIST` or `ENOENT` if `mode` does not match.
   */
  open(path: string, mode: 'new' | 'existing'): Promise<number>;
  /** Reads up to `into.length` bytes from `position`; returns 0 at the end. */
  read(fd: number, into: Uint8Array, position: number): Promise<number>;
  /** Writes at `position`, and returns how many bytes were written, which may be fewer than given. */
  write(fd: number, bytes: Uint8Array, position: number): Promise<number>;
  /** Makes the content of a file durable. An error is final: a second call proves nothing. */
  sync(fd: number): Promise<void>;
  /** Truncates a file. */
  truncate(fd: number, length: number): Promise<void>;
  close(fd: number): Promise<void>;
  size(path: string): Promise<number>;
  unlink(path: string): Promise<void>;
  /** For the end of a process, which cannot await anything. */
  writeSync(fd: number, bytes: Uint8Array, position: number): number;
  syncSync(fd: number): void;
}

// Not `fs.promises`: a handle per file and a promise per call cost more than the calls themselves.
const open = promisify(fs.open);
const close = promisify(fs.close);
const read = promisify(fs.read);
const write = promisify(fs.write);
const fdatasync = promisify(fs.fdatasync);
const fsync = promisify(fs.fsync);
const ftruncate = promisify(fs.ftruncate);

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;

/** The file operations of Node. */
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
    // Windows cannot open folders; its journal makes names durable.
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

/** Writes all bytes: a single write may take fewer bytes than given without an error. */
export async function writeAll(files: Files, fd: number, at: { bytes: Uint8Array; position: number }): Promise<void> {
  for (let done = 0; done < at.bytes.length; ) {
    const written = await files.write(fd, at.bytes.subarray(done), at.position + done);
    if (written === 0) throw tookNothing();
    done += written;
  }
}

/** `writeAll` for the end of a process. */
export function writeAllSync(files: Files, fd: number, at: { bytes: Uint8Array; position: number }): void {
  for (let done = 0; done < at.bytes.length; ) {
    const written = files.writeSync(fd, at.bytes.subarray(done), at.position + done);
    if (written === 0) throw tookNothing();
    done += written;
  }
}

/** Whether an error of Node has this code. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** The code of an error of Node, or its text if it has none. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function tookNothing(): Error {
  return Object.assign(new Error('the disk accepted no bytes'), { code: 'ENOSPC' });
}

/** Reads the bytes `[start, end)` of a file, fewer if it ends before; null if the file does not exist. */
export async function readRange(
  files: Files,
  path: string,
  { start = 0, end }: { start?: number; end?: number } = {},
): Promise<Buffer | null> {
  let fd: number;
  try {
    fd = await files.open(path, 'existing');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
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
