import { gunzip } from 'node:zlib';

import { KitError } from '@pik/schema';

/** Larger than zlib's own 16 KB, so that a usual batch takes one trip to the thread pool. */
const CHUNK_BYTES = 128 * 1024;

/** The result with `info: true`, which the types of Node do not declare. */
interface Inflated {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

/**
 * Decompresses a gzip body, off the event loop, holding at most `bytesMax` of it.
 *
 * @throws KitError `BODY_TOO_LARGE` at the first byte above the limit, `ENCODING_INVALID` for anything but whole gzip.
 */
export function decompress(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    gunzip(bytes, { info: true, chunkSize: CHUNK_BYTES, maxOutputLength: bytesMax }, (error, result) => {
      if (error !== null) return reject(decompressFault(error, bytesMax));
      const { buffer, engine } = result as unknown as Inflated;
      // zlib takes zero bytes behind the end for padding and drops what follows them.
      if (engine.bytesWritten < bytes.length)
        return reject(new KitError('ENCODING_INVALID', 'there are bytes after the end of the gzip stream'));
      resolve(buffer);
    });
  });
}

function decompressFault(error: NodeJS.ErrnoException, bytesMax: number): KitError {
  if (error.code === 'ERR_BUFFER_TOO_LARGE') {
    return new KitError('BODY_TOO_LARGE', `at most ${bytesMax} bytes after decompression`);
  }
  const cut = error.code === 'Z_BUF_ERROR';
  return new KitError('ENCODING_INVALID', cut ? 'the gzip stream ends early' : 'the body is not gzip', {
    cause: error,
  });
}
