import { type IngestBatch, type IngestResult, KitError, STATUSES } from '@pik/schema';

import { answerError, type Call, callError } from './connection.ts';

/** A batch as it goes over the wire: the same bytes at every attempt. */
export interface WireBatch {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly gzip: boolean;
  /** The id of each record, in order; null where it could not be derived. */
  readonly eventIds: readonly (string | null)[];
}

/** How batches are sent. */
export interface TransportOptions {
  readonly call: Call;
  readonly path: '/ingest' | '/import';
  readonly requestTimeoutMs: number;
  readonly gzipBytesMin: number;
}

/** Makes the bytes of a batch, compressed from a size on. */
export async function toWire(
  lines: readonly string[],
  eventIds: readonly (string | null)[],
  gzipBytesMin: number,
): Promise<WireBatch> {
  const plain = new TextEncoder().encode(lines.join('\n'));
  if (plain.length < gzipBytesMin) return { body: plain, gzip: false, eventIds };
  const stream = new Blob([plain]).stream().pipeThrough(new CompressionStream('gzip'));
  return { body: new Uint8Array(await new Response(stream).arrayBuffer()), gzip: true, eventIds };
}

/**
 * Sends a batch once; gives one result per record, in order. Only an answer that names exactly these records counts:
 * a proxy's 200 acknowledges nothing.
 *
 * @throws KitError with the backend's code, or `NETWORK`, `TIMEOUT`, `ANSWER_NOT_OURS`.
 */
export async function sendBatch(options: TransportOptions, batch: WireBatch): Promise<IngestResult[]> {
  const headers: Record<string, string> = { 'content-type': 'application/x-ndjson' };
  if (batch.gzip) headers['content-encoding'] = 'gzip';
  const response = await options.call(options.path, {
    method: 'POST',
    headers,
    body: batch.body,
    timeoutMs: options.requestTimeoutMs,
  });
  if (response.status !== 200) throw await answerError(response);
  const results = await readResults(response);
  if (results === null || !isAbout(results, batch.eventIds)) throw new KitError('ANSWER_NOT_OURS');
  return results;
}

async function readResults(response: Response): Promise<IngestResult[] | null> {
  let answer: Partial<IngestBatch> | null;
  try {
    answer = (await response.json()) as Partial<IngestBatch> | null;
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw callError(cause, { aborted: false, timedOut: (cause as Error).name === 'TimeoutError' });
  }
  return Array.isArray(answer?.results) ? answer.results : null;
}

function isAbout(results: readonly IngestResult[], eventIds: readonly (string | null)[]): boolean {
  if (results.length !== eventIds.length) return false;
  return results.every((result, i) => {
    if (!STATUSES.includes(result?.status)) return false;
    return result.status === 'REJECTED' || eventIds[i] === null || result.event_id === eventIds[i];
  });
}
