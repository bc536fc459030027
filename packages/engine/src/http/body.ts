import { at, KitError, LIMITS } from '@pik/schema';

import { decompress } from './decompress.ts';

/** A request body, and its number of bytes on the wire. */
export interface Body {
  readonly bytes: Uint8Array;
  readonly wireBytes: number;
}

/**
 * Reads a body within both limits.
 *
 * @throws KitError `BODY_TOO_LARGE` before more than the limit is held, `BODY_EMPTY`, `ENCODING_INVALID`, `CLIENT_GONE`.
 */
export async function readBody(
  request: Request,
  { gzip, mayBeEmpty = false }: { gzip: boolean; mayBeEmpty?: boolean },
): Promise<Body> {
  const wire = await readWire(request, LIMITS.body_bytes_max);
  const bytes = gzip && wire.length > 0 ? await decompress(wire, LIMITS.body_decompressed_bytes_max) : wire;
  if (bytes.length === 0 && !mayBeEmpty) throw new KitError('BODY_EMPTY');
  return { bytes, wireBytes: wire.length };
}

async function readWire(request: Request, bytesMax: number): Promise<Uint8Array> {
  const declared = declaredLength(request.headers.get('content-length'));
  if (declared !== null && declared > bytesMax) throw tooLarge(bytesMax);
  try {
    const bytes =
      declared === null ? await readStream(request.body, bytesMax) : new Uint8Array(await request.arrayBuffer());
    // A server enforces the declared length; a caller in the same process may have declared anything.
    if (bytes.length > bytesMax) throw tooLarge(bytesMax);
    return bytes;
  } catch (cause) {
    if (KitError.is(cause)) throw cause;
    throw new KitError('CLIENT_GONE', undefined, { cause });
  }
}

function declaredLength(header: string | null): number | null {
  return header !== null && /^\d{1,15}$/.test(header) ? Number(header) : null;
}

/** Without a declared length the count while reading is the only guard. */
async function readStream(body: ReadableStream<Uint8Array> | null, bytesMax: number): Promise<Uint8Array> {
  if (body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop by an exception cancels the stream.
  for await (const chunk of body) {
    size += chunk.length;
    if (size > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? at(chunks, 0) : Buffer.concat(chunks, size);
}

function tooLarge(bytesMax: number): KitError {
  return new KitError('BODY_TOO_LARGE', `at most ${bytesMax} bytes over the wire; send less at once, or gzip it`);
}
