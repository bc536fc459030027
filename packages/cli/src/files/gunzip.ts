import { once } from 'node:events';
import { createGunzip, type Gunzip } from 'node:zlib';

import { KitError } from '@pik/schema';

/** Size of one step of input: its whole output is in memory at once, at most a thousand times as much. */
const PART_BYTES = 16 * 1024;
const OUTPUT_BYTES = 64 * 1024;

/** True if the bytes start a gzip stream. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Decompresses gzip with all its members; zero bytes after the last member are padding. Yields everything before a
 * fault first and then throws, so the records taken depend only on the bytes.
 *
 * @throws KitError `FILE_DAMAGED` if the stream ends early, fails its checksum, or is followed by other bytes.
 */
export async function* gunzipped(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: OUTPUT_BYTES });
  const output: Uint8Array[] = [];
  const state: State = { read: 0, lastNonZero: -1, error: null, ended: false };
  gunzip.on('data', (chunk: Uint8Array) => output.push(chunk));
  gunzip.on('error', (error) => {
    state.error = error;
  });
  gunzip.on('end', () => {
    state.ended = true;
  });
  try {
    for await (const chunk of chunks) {
      for (let start = 0; start < chunk.length; start += PART_BYTES) {
        await feed(gunzip, chunk.subarray(start, start + PART_BYTES), state);
        yield* output.splice(0);
        if (state.error !== null) throw damaged(name, gunzip, state);
      }
    }
    await finish(gunzip, state);
    yield* output.splice(0);
    if (state.error !== null || state.lastNonZero >= gunzip.bytesWritten) throw damaged(name, gunzip, state);
  } finally {
    gunzip.destroy();
  }
}

interface State {
  /** Bytes of the file so far. */
  read: number;
  /** Offset of the last byte that is not zero. */
  lastNonZero: number;
  error: NodeJS.ErrnoException | null;
  ended: boolean;
}

/** Resolves when the part is decompressed, or never will be: the decompressor takes nothing after padding. */
async function feed(gunzip: Gunzip, part: Uint8Array, state: State): Promise<void> {
  for (let i = part.length - 1; i >= 0; i--) {
    if (part[i] === 0) continue;
    state.lastNonZero = state.read + i;
    break;
  }
  state.read += part.length;
  if (state.ended || state.error !== null) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      gunzip.off('end', done);
      gunzip.off('error', done);
      resolve();
    };
    gunzip.on('end', done);
    gunzip.on('error', done);
    gunzip.write(part, done);
  });
}

async function finish(gunzip: Gunzip, state: State): Promise<void> {
  if (state.ended || state.error !== null) return;
  const over = Promise.race([once(gunzip, 'end'), once(gunzip, 'error')]).catch(() => undefined);
  gunzip.end();
  await over;
}

function damaged(name: string, gunzip: Gunzip, { error, read }: State): KitError {
  const fault =
    error === null
      ? `has more data after the end of its gzip stream, from byte ${gunzip.bytesWritten} on`
      : error.code === 'Z_BUF_ERROR'
        ? `is truncated: its gzip stream ends after ${read} bytes`
        : `has a damaged gzip stream (${error.message}) before byte ${read}`;
  return new KitError('FILE_DAMAGED', `${name} ${fault}`, error === null ? {} : { cause: error });
}
