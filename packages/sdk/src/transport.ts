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

const encoder = new TextEncoder();
const gzip = findGzip();

/** Makes the bytes of a batch out of its NDJSON, compressed from a size on. */
export async function toWire(
  text: string,
  eventIds: readonly (string | null)[],
  gzipBytesMin: number,
): Promise<WireBatch> {
  const body = encoder.encode(text);
  if (body.length < gzipBytesMin || gzip === null) return { body, gzip: false, eventIds };
  return { body: await gzip(body), gzip: true, eventIds };
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
