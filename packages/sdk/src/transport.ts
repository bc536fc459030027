import { type IngestBatch, type IngestResult, KitError, STATUSES } from '@pik/schema';

import { answerError } from './connection.ts';
import { findGzip } from './gzip.ts';
import type { Answer, Post } from './post.ts';

/** A batch as it goes over the wire: the same bytes at every attempt. */
export interface WireBatch {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly gzip: boolean;
  /** The id of each record, in order; null where it could not be derived. */
  readonly eventIds: readonly (string | null)[];
}

/** How batches are sent. */
export interface TransportOptions {
  readonly post: Post;
  readonly path: '/ingest' | '/import';
  readonly requestTimeoutMs: number;
  readonly gzipBytesMin: number;
}

const gzip = findGzip();

/** Makes the bytes of a batch out of its records: NDJSON, compressed from a size on. */
export async function toWire(
  records: Records,
  eventIds: readonly (string | null)[],
  gzipBytesMin: number,
): Promise<WireBatch> {
  const { space, length } = encode(records);
  const plain = space.subarray(0, length);
  const isLarge = gzip !== null && length >= gzipBytesMin;
  const body = isLarge ? await gzip(plain) : new Uint8Array(plain);
  if (space.length <= SPACE_BYTES_MAX) spaces.push(space);
  return { body, gzip: isLarge, eventIds };
}

/** Records by their number in the batch; the same text whenever it is asked for. */
export interface Records {
  readonly count: number;
  readonly recordAt: (number: number) => string;
}

const encoder = new TextEncoder();
const NEWLINE = 0x0a;
/** Used again by batch after batch: fresh memory of this size costs more than what is done with it. */
const spaces: Space[] = [];
const SPACE_BYTES_MAX = 4_000_000;
const SPACE_BYTES_MIN = 64_000;

/** Node's own bytes take a text without a view of themselves for each. */
interface Space extends Uint8Array<ArrayBuffer> {
  utf8Write?(text: string, offset: number): number;
}

const { Buffer: HostBuffer } = globalThis as { Buffer?: { allocUnsafeSlow(length: number): Space } };

function newSpace(bytes: number): Space {
  return HostBuffer?.allocUnsafeSlow(bytes) ?? new Uint8Array(bytes);
}

function writeText(space: Space, text: string, offset: number): number {
  if (space.utf8Write !== undefined) return space.utf8Write(text, offset);
  return encoder.encodeInto(text, space.subarray(offset)).written;
}

/** One record after the other: a text of them all would be made only to be copied. */
function encode({ count, recordAt }: Records): { space: Space; length: number } {
  let space = spaces.pop() ?? newSpace(SPACE_BYTES_MIN);
  let length = 0;
  for (let i = 0; i < count; i++) {
    const record = recordAt(i);
    // A character is at most three bytes.
    if (space.length - length <= record.length * 3) space = grown(space, length + record.length * 3 + 1);
    length += writeText(space, record, length);
    if (i < count - 1) space[length++] = NEWLINE;
  }
  return { space, length };
}

function grown(space: Space, bytesMin: number): Space {
  const larger = newSpace(Math.max(bytesMin, space.length * 2));
  larger.set(space);
  return larger;
}

/** What an answer says of a batch: for each record, in order, its result, or null where the answer does not name it. */
export type Results = readonly (IngestResult | null)[];

/**
 * Sends a batch once. Only an answer of the kit that names a record says anything of it: a proxy's 200 acknowledges
 * nothing.
 *
 * @throws KitError with the backend's code, or `NETWORK`, `TIMEOUT`, `ABORTED`, `ANSWER_NOT_OURS`.
 */
export async function sendBatch(options: TransportOptions, batch: WireBatch, signal: AbortSignal): Promise<Results> {
  const headers: Record<string, string> = { 'content-type': 'application/x-ndjson', accept: 'application/json' };
  if (batch.gzip) headers['content-encoding'] = 'gzip';
  const { requestTimeoutMs: timeoutMs } = options;
  const answer = await options.post(options.path, { headers, body: batch.body, timeoutMs, signal });
  if (answer.status !== 200) throw answerError(answer);
  const results = readResults(answer);
  const named = results === null ? [] : nameRecords(results, batch.eventIds);
  if (!named.some((result) => result !== null)) throw new KitError('ANSWER_NOT_OURS');
  return named;
}

function readResults({ text }: Answer): readonly unknown[] | null {
  try {
    const answer = JSON.parse(text) as Partial<IngestBatch> | null;
    return Array.isArray(answer?.results) ? answer.results : null;
  } catch {
    return null;
  }
}

/** By order where the answer has one result for each record, and by id where it has not. */
function nameRecords(results: readonly unknown[], eventIds: readonly (string | null)[]): (IngestResult | null)[] {
  if (results.length === eventIds.length) {
    return eventIds.map((eventId, i) => {
      const result = asResult(results[i]);
      return result !== null && isAbout(result, eventId) ? result : null;
    });
  }
  const byId = new Map<string, IngestResult[]>();
  for (const item of results) {
    const result = asResult(item);
    if (result?.event_id == null) continue;
    byId.set(result.event_id, [...(byId.get(result.event_id) ?? []), result]);
  }
  return eventIds.map((eventId) => (eventId === null ? null : (byId.get(eventId)?.shift() ?? null)));
}

/** A rejected record has no id in the answer; one that has none here is known by its place alone. */
function isAbout(result: IngestResult, eventId: string | null): boolean {
  return result.status === 'REJECTED' || eventId === null || result.event_id === eventId;
}

/** A status that this version does not know is no outcome yet: the record is sent again, which is safe. */
function asResult(value: unknown): IngestResult | null {
  const result = value as IngestResult | null | undefined;
  return STATUSES.includes(result?.status as never) ? (result as IngestResult) : null;
}
