import { createReadStream, type Stats, statSync } from 'node:fs';
import { KitError } from '@pik/schema';
import { errorMessage, isErrno } from '../errno.ts';

import { gunzipped, isGzip } from './gunzip.ts';

/** A byte stream whose start can be inspected before it is consumed. */
export class ByteSource {
  /** Bytes read ahead and not consumed yet. */
  sample: Uint8Array = new Uint8Array();
  /** True if the sample reaches the end of the stream. */
  atEnd = false;
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Reads one more chunk into the sample. */
  async more(): Promise<void> {
    const { done, value } = await this.#chunks.next();
    if (done === true) this.atEnd = true;
    else this.sample = this.sample.length === 0 ? value : Buffer.concat([this.sample, value]);
  }

  /** Everything from this offset of the sample on. */
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

/** An open file as plain bytes. */
export interface OpenFile {
  readonly source: ByteSource;
  readonly gzip: boolean;
  /** Size of the file on disk; 0 if unknown. */
  readonly size: number;
  /** Bytes read from the file so far. */
  readonly bytesRead: () => number;
  /** True if the file can be opened again and read from its start. */
  readonly repeatable: boolean;
  /** Closes the file, even while a read is pending. */
  readonly close: () => void;
}

/** The name of a file in error messages. */
export function nameOf(file: string): string {
  return file === '-' ? 'stdin' : file;
}

const CHUNK_BYTES = 256 * 1024;

/**
 * Opens a file, or `-` for standard input. Decompresses gzip, recognised by its first bytes whatever the file name is.
 *
 * @throws KitError `FILE_INVALID` if there is no such file; reading throws `FILE_DAMAGED`.
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
      const message = errorMessage(cause);
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
    const message = isErrno(cause, 'ENOENT') ? `there is no file ${file}` : errorMessage(cause);
    throw new KitError('FILE_INVALID', message, { cause });
  }
  if (stats.isDirectory()) throw new KitError('FILE_INVALID', `${file} is a directory; name a file`);
  return stats;
}
