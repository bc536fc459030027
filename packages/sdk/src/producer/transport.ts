import { KitError, utf8Bytes } from '@pik/schema/events';
import { answerError } from '../connection/connection.ts';
import { type Compression, findCompression } from './compression.ts';
import type { Post } from './posting.ts';
import { type Results, readResults } from './results.ts';

/** An encoded batch: the same bytes at every attempt. */
export interface WireBatch {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly gzip: boolean;
  readonly framing: Framing;
  /** The id of each record, in order; null if it could not be derived. */
  readonly eventIds: readonly (string | null)[];
}

/** Format of the body: one record per line, or, if a record spans lines, a JSON array. */
export type Framing = 'lines' | 'array';

/** The path of a request. */
export type RequestPath = `${'/ingest' | '/import'}${'' | `?${string}`}`;

/** Options of the transport. */
export interface TransportOptions {
  readonly post: Post;
  readonly requestTimeoutMs: number;
  readonly gzipBytesMin: number;
}

let foundCompression: Compression | null | undefined;

/** Looked up at the first batch, so that loading it does not delay the start of the service. */
function compression(): Compression | null {
  if (foundCompression === undefined) foundCompression = findCompression();
  return foundCompression;
}

/** Encodes records as NDJSON or an array, compressed from a given size on. */
export async function toWire(
  records: Records,
  eventIds: readonly (string | null)[],
  gzipBytesMin: number,
): Promise<WireBatch> {
  const { space, length } = encode(records);
  const plain = space.subarray(0, length);
  const gzip = length >= gzipBytesMin ? compression()?.gzip : undefined;
  const body = gzip === undefined ? new Uint8Array(plain) : await gzip(plain);
  if (space.length <= SPACE_BYTES_MAX) spaces.push(space);
  return { body, gzip: gzip !== undefined, framing: records.framing ?? 'lines', eventIds };
}

/** Decodes the records of a batch that was encoded by lines, byte for byte. */
export async function fromWire({ body, gzip }: WireBatch): Promise<Uint8Array[]> {
  const plain = gzip ? await compression()?.gunzip(body) : body;
  const records: Uint8Array[] = [];
  if (plain === undefined) return records;
  let start = 0;
  for (let end = 0; end <= plain.length; end++) {
    if (end < plain.length && plain[end] !== NEWLINE_BYTE) continue;
    records.push(plain.subarray(start, end));
    start = end + 1;
  }
  return records;
}

/** Records of a batch by index. `recordAt` must return the same text or bytes on every call. */
export interface Records {
  readonly count: number;
  /** Default: `lines`. */
  readonly framing?: Framing | undefined;
  readonly recordAt: (number: number) => string | Uint8Array;
}

/** Text before the first record, between two records, and after the last. */
const LINES = ['', '\n', ''] as const;
const ARRAY = ['[', ',', ']'] as const;
const NEWLINE_BYTE = 0x0a;
/** Reused by later batches: allocating memory of this size costs more than filling it. */
const spaces: Space[] = [];
const SPACE_BYTES_MAX = 4_000_000;
const SPACE_BYTES_MIN = 64_000;

/** Node's `Buffer` can write a string in place, without a view for each write. */
interface Space extends Uint8Array<ArrayBuffer> {
  utf8Write?(text: string, offset: number): number;
}

const { Buffer: HostBuffer } = globalThis as { Buffer?: { allocUnsafeSlow(length: number): Space } };

function newSpace(bytes: number): Space {
  return HostBuffer?.allocUnsafeSlow(bytes) ?? new Uint8Array(bytes);
}

function writeRecord(space: Space, text: string | Uint8Array, offset: number): number {
  if (typeof text !== 'string') {
    space.set(text, offset);
    return text.length;
  }
  if (space.utf8Write !== undefined) return space.utf8Write(text, offset);
  const bytes = utf8Bytes(text);
  space.set(bytes, offset);
  return bytes.length;
}

/** Characters after which joined texts are written. Each write has a cost, and so has joining all texts. */
const TOGETHER_CHARS = 8_000;

function encode({ count, recordAt, framing }: Records): { space: Space; length: number } {
  const [start, between, end] = framing === 'array' ? ARRAY : LINES;
  let space = spaces.pop() ?? newSpace(SPACE_BYTES_MIN);
  let length = 0;
  let text = start;
  const write = (record: string | Uint8Array) => {
    // A UTF-16 unit takes at most three bytes.
    const bytesMax = typeof record === 'string' ? record.length * 3 : record.length;
    if (space.length - length <= bytesMax) space = grown(space, length + bytesMax + 1);
    length += writeRecord(space, record, length);
  };
  for (let i = 0; i < count; i++) {
    const record = recordAt(i);
    if (typeof record === 'string') text += record;
    else {
      write(text);
      write(record);
      text = '';
    }
    if (i < count - 1) text += between;
    if (text.length < TOGETHER_CHARS) continue;
    write(text);
    text = '';
  }
  write(text + end);
  return { space, length };
}

function grown(space: Space, bytesMin: number): Space {
  const larger = newSpace(Math.max(bytesMin, space.length * 2));
  larger.set(space);
  return larger;
}

/**
 * Sends a batch once. Only a response of the kit that names a record counts as its result: a proxy's 200 acknowledges
 * nothing.
 *
 * @throws KitError with the backend's code, or `NETWORK`, `TIMEOUT`, `ABORTED`, `ANSWER_NOT_OURS`.
 */
export async function sendBatch(
  options: TransportOptions,
  batch: WireBatch,
  { path, signal }: { readonly path: RequestPath; readonly signal: AbortSignal },
): Promise<Results> {
  const type = batch.framing === 'array' ? 'application/json' : 'application/x-ndjson';
  const headers: Record<string, string> = { 'content-type': type, accept: 'application/json' };
  if (batch.gzip) headers['content-encoding'] = 'gzip';
  const { requestTimeoutMs: timeoutMs } = options;
  const answer = await options.post(path, { headers, body: batch.body, timeoutMs, signal });
  if (answer.status !== 200) throw answerError(answer);
  const results = readResults(answer.text, batch.eventIds);
  if (!results.some((result) => result !== null)) throw new KitError('ANSWER_NOT_OURS');
  return results;
}
