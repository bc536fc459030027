import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';

/** An answer as API Gateway takes it. */
export interface HttpResult {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

/** Below this a body goes as the text that it is; above, base64 grows by a known share where quotes in JSON might double. */
const TEXT_BYTES_MAX = 8 * 1024;

/** Bytes that fit, as base64 and with headers, into the 6 MB that a function may answer. */
export const ANSWER_BYTES_MAX = ((6 * 1024 * 1024 - 32 * 1024) / 4) * 3;

/**
 * The result of a response, compressed where it is long and the caller takes gzip; null where it is too long even so.
 * A stream that breaks off ends the body there, as it would end a connection: the missing last line tells the reader.
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
    // Told by what is missing.
  }
}

/** Takes chunks until they end, or until they are more than `bytesMax`. */
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
