import { createReadStream, type Stats, statSync } from 'node:fs';

import { KitError } from '@pik/schema';

import { gunzipped, isGzip } from './gunzip.ts';

/** Bytes that can be looked at before they are read. */
export class ByteSource {
  /** What was looked at and not read yet. */
  sample: Uint8Array = new Uint8Array();
  /** Whether the sample goes to the end. */
  atEnd = false;
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Looks at the next chunk too. */
  async more(): Promise<void> {
    const { done, value } = await this.#chunks.next();
    if (done === true) this.atEnd = true;
    else this.sample = this.sample.length === 0 ? value : Buffer.concat([this.sample, value]);
  }

  /** Everything from a place of the sample on. */
  async *rest(from = 0): AsyncGenerator<Uint8Array> {
    const { sample } = this;
    this.sample = new Uint8Array();
    if (sample.length > from) yield sample.subarray(from);
    if (this.atEnd) return;
    try {
      for (;;) {
        const { done, value } = await this.#chunks.next();
        if (done === true) return;
        yield value;
      }
    } finally {
      await this.#chunks.return?.();
    }
  }
}

/** A file that is open, as plain bytes. */
export interface OpenFile {
  readonly source: ByteSource;
  readonly gzip: boolean;
  /** Bytes of the file as it lies on the disk; 0 where that is not known. */
  readonly size: number;
  /** Bytes of it read so far. */
  readonly bytesRead: () => number;
  /** Whether it can be opened again and read from its start. */
  readonly repeatable: boolean;
  /** Lets go of the file, whoever still waits for more of it. */
  readonly close: () => void;
}

/** How errors name a file. */
export function nameOf(file: string): string {
  return file === '-' ? 'stdin' : file;
}

const CHUNK_BYTES = 256 * 1024;

/**
 * Opens a file, or `-` for standard input. What starts as gzip is unpacked, whatever the name says.
 *
 * @throws KitError `FILE_INVALID` where there is no such file; reading throws `FILE_DAMAGED`.
 */
export async function openFile(file: string): Promise<OpenFile> {
  const name = nameOf(file);
  const stats = file === '-' ? null : statsOf(file);
  let read = 0;
  const counted = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of chunks) {
        read += chunk.length;
        yield chunk;
      }
    } catch (cause) {
      const { message } = cause as Error;
      throw new KitError('FILE_DAMAGED', `${name} cannot be read beyond byte ${read}: ${message}`, { cause });
    }
  };
  const stream = stats === null ? process.stdin : createReadStream(file, { highWaterMark: CHUNK_BYTES });
  const raw = new ByteSource(counted(stream));
  while (raw.sample.length < 2 && !raw.atEnd) await raw.more();
  const gzip = isGzip(raw.sample);
  const source = new ByteSource(gzip ? gunzipped(raw.rest(), name) : raw.rest());
  return {
    source,
    gzip,
    size: stats?.size ?? 0,
    bytesRead: () => read,
    repeatable: stats?.isFile() ?? false,
    close: () => void stream.destroy(),
  };
}

function statsOf(file: string): Stats {
  let stats: Stats;
  try {
    stats = statSync(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new KitError('FILE_INVALID', code === 'ENOENT' ? `there is no file ${file}` : message, { cause });
  }
  if (stats.isDirectory()) throw new KitError('FILE_INVALID', `${file} is a directory; name a file`);
  return stats;
}
