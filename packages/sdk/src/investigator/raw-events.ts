import { KitError, LIMITS, type RawEvent, type RejectedReceipt } from '@pik/schema';
import { refuseAborted } from '../connection/connection.ts';
import { type Asking, type CallOptions, type Query, readBody, send } from './ask.ts';

/** How raw events are read. */
export interface RawCallOptions extends CallOptions {
  /** Their further receipts too, with their text: at most 100 of each event. */
  readonly deliveries?: boolean | undefined;
}

/** The last line of a stream, or the line that breaks it off. */
interface StreamLine {
  readonly end?: true;
  readonly next_cursor?: string | null;
  readonly error?: { readonly code: 'RAW_MISSING' | 'RAW_CORRUPT'; readonly detail: string };
}

/** Events with their received text, page by page. */
export function readRawEvents(
  asking: Asking,
  route: 'timeline' | 'selection',
  { query, deliveries, ...options }: RawCallOptions & { query: Query },
): AsyncGenerator<RawEvent> {
  const include = deliveries === true ? 'deliveries' : 'body';
  return readStream(asking, route, { ...options, query: { ...query, include } });
}

/** Rejected receipts with what was received, page by page. */
export function readRejectedReceipts(
  asking: Asking,
  { query, ...options }: CallOptions & { query: Query },
): AsyncGenerator<RejectedReceipt> {
  return readStream(asking, 'rejects', { ...options, query: { ...query, include: 'body' } });
}

/**
 * What a route streams, page by page. A stream that is cut short is an error, never an end. Where a page is larger than the
 * deployment can answer, smaller ones are asked for from there on.
 */
async function* readStream<T>(
  asking: Asking,
  route: 'timeline' | 'selection' | 'rejects',
  { query, ...options }: CallOptions & { query: Query },
): AsyncGenerator<T> {
  const { signal } = options;
  let cursor: string | null | undefined;
  let limit = query.limit;
  do {
    const question = { ...options, query: { ...query, limit, cursor: cursor ?? undefined } };
    let response: Response;
    try {
      response = await asking.retry(() => send(asking, route, { ...question, accept: 'application/x-ndjson' }), signal);
    } catch (error) {
      limit = smallerPage(error, limit);
      continue;
    }
    cursor = undefined;
    for await (const line of readLines(response, signal)) {
      refuseAborted(signal);
      const value = parseLine(line);
      if (value.error !== undefined) throw new KitError(value.error.code, value.error.detail);
      if (value.end === true) cursor = value.next_cursor ?? null;
      else yield value as T;
    }
    refuseAborted(signal);
    if (cursor === undefined) throw new KitError('ANSWER_NOT_OURS', 'the stream of events was cut short');
  } while (cursor !== null);
}

function parseLine(line: string): StreamLine {
  try {
    return JSON.parse(line) as StreamLine;
  } catch (cause) {
    throw new KitError('ANSWER_NOT_OURS', 'a line of the stream of events is not JSON', { cause });
  }
}

/** Half of a page that was too large to be answered. Throws every other error on. */
function smallerPage(error: unknown, limit: Query[string]): number {
  const asked = Number(limit ?? LIMITS.page_items_default);
  if (!KitError.is(error) || error.code !== 'ANSWER_TOO_LARGE' || !(asked > 1)) throw error;
  return Math.floor(asked / 2);
}

async function* readLines(response: Response, signal: AbortSignal | undefined): AsyncGenerator<string> {
  if (response.body === null) return;
  const reader = response.body
    .pipeThrough(new TextDecoderStream('utf-8', { fatal: true, ignoreBOM: true }))
    .getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await readBody(() => reader.read(), signal);
      if (done) break;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } finally {
    // A caller who stops in the middle wants no more of it, and need not wait until that is over.
    void reader.cancel().catch(() => undefined);
  }
}
