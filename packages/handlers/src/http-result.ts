import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';

/** A response in the format of API Gateway. */
export interface HttpResult {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

/** Below this size a body is sent as text; above it as base64, which grows by a known factor while quotes in JSON might double. */
const TEXT_BYTES_MAX = 8 * 1024;

/** The bytes that fit, as base64 and with headers, into the 6 MB limit of a function's response. */
export const ANSWER_BYTES_MAX = ((6 * 1024 * 1024 - 32 * 1024) / 4) * 3;

/**
 * Converts a response to a result, compressed if it is long and the caller accepts gzip; null if it is still too long. If
 * the stream fails, the body ends there, as a connection would: readers detect it by the missing last line.
 */
export async function toResult(response: Response, { gzip }: { gzip: boolean }): Promise<HttpResult | null> {
  const { status: statusCode } = response;
  const headers = Object.fromEntries(response.headers);
  const chunks = chunksOf(response.body)[Symbol.asyncIterator]();
  const head = await gather(chunks, TEXT_BYTES_MAX);
  if (head.whole && isText(headers['content-type']))
    return { statusCode, headers, body: head.bytes.toString('utf8'), isBase64Encoded: false };
  const compress = gzip && !head.whole;
  const all = following(head.bytes, chunks);
  const source = compress ? Readable.from(all).pipe(createGzip()) : all;
  const body = await gather(source[Symbol.asyncIterator](), ANSWER_BYTES_MAX);
  if (!body.whole) {
    await chunks.return?.(undefined);
    return null;
  }
  if (compress) Object.assign(headers, { 'content-encoding': 'gzip', vary: 'accept-encoding' });
  return { statusCode, headers, body: body.bytes.toString('base64'), isBase64Encoded: true };
}

function isText(type = 'text/plain'): boolean {
  return /^(text\/|application\/([\w.-]+\+)?(json|x-ndjson))/.test(type);
}

async function* chunksOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  try {
    yield* body;
  } catch {
    // Readers detect the failure by the missing last line.
  }
}

/** Collects chunks until they end or exceed `bytesMax`. */
async function gather(
  chunks: AsyncIterator<Uint8Array>,
  bytesMax: number,
): Promise<{ bytes: Buffer<ArrayBuffer>; whole: boolean }> {
  const taken: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await chunks.next();
    if (done === true) return { bytes: Buffer.concat(taken, size), whole: true };
    taken.push(value);
    size += value.length;
    if (size > bytesMax) return { bytes: Buffer.concat(taken, size), whole: false };
  }
}

async function* following(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  for (;;) {
    const { done, value } = await rest.next();
    if (done === true) return;
    yield value;
  }
}
