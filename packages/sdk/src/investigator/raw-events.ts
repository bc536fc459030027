import { KitError, LIMITS, type Match, type RawEvent, type RejectedReceipt, type Scanned } from '@pik/schema';
import { refuseAborted } from '../connection/connection.ts';
import { type Asking, type CallOptions, type Query, send } from './ask.ts';
import { readLines } from './read-lines.ts';

/** Options of reading raw events. */
export interface RawCallOptions extends CallOptions {
  /** Includes further receipts with their text, at most 100 per event. */
  readonly deliveries?: boolean | undefined;
}

/** How far a search has come. */
export interface SearchProgress extends Scanned {
  /** Packs of the whole search; null while they are not counted, or if there are more than some 100,000. */
  readonly packs_total: number | null;
}

/** Options of a search. */
export interface SearchCallOptions extends CallOptions {
  /** Called now and then, and once at the end of each page. */
  readonly onProgress?: ((progress: SearchProgress) => void) | undefined;
  /** Called at the end of each page with the cursor of the next one; null after the last. If it returns false, the search ends. */
  readonly onPage?: ((next_cursor: string | null) => boolean | undefined) | undefined;
  /** Called for each pack that could not be read, and so was not searched. */
  readonly onUnreadable?: ((pack: { readonly pack_id: string; readonly code: string }) => void) | undefined;
}

/** Reads the matches of a search, page by page. */
export function readMatches(
  asking: Asking,
  { query, onProgress, onPage, onUnreadable, ...options }: SearchCallOptions & { query: Query },
): AsyncGenerator<Match> {
  const onNote = ({ end, scanned, packs_total = null, unreadable = [], next_cursor = null }: StreamLine) => {
    if (scanned !== undefined) onProgress?.({ ...scanned, packs_total });
    for (const pack of unreadable) onUnreadable?.(pack);
    return end !== true || onPage?.(next_cursor) !== false;
  };
  return readStream(asking, 'find', { ...options, query, onNote });
}

/** The last line of a stream, a line about the progress of a search, or the line that ends a stream with an error. */
interface StreamLine {
  readonly end?: true;
  readonly scanned?: Scanned;
  readonly packs_total?: number | null;
  readonly unreadable?: readonly { readonly pack_id: string; readonly code: string }[];
  readonly next_cursor?: string | null;
  readonly error?: { readonly code: 'RAW_MISSING' | 'RAW_CORRUPT'; readonly detail: string };
}

/** Reads events with their received text, page by page. */
export function readRawEvents(
  asking: Asking,
  route: 'timeline' | 'selection',
  { query, deliveries, ...options }: RawCallOptions & { query: Query },
): AsyncGenerator<RawEvent> {
  const include = deliveries === true ? 'deliveries' : 'body';
  return readStream(asking, route, { ...options, query: { ...query, include } });
}

/** Reads rejected receipts with the received text, page by page. */
export function readRejectedReceipts(
  asking: Asking,
  { query, ...options }: CallOptions & { query: Query },
): AsyncGenerator<RejectedReceipt> {
  return readStream(asking, 'rejects', { ...options, query: { ...query, include: 'body' } });
}

/**
 * Reads the stream of a route, page by page. An interrupted stream throws; it never looks like the end. If a page is
 * too large for the deployment, the next pages are smaller.
 */
async function* readStream<T>(
  asking: Asking,
  route: 'timeline' | 'selection' | 'rejects' | 'find',
  { query, onNote, ...options }: CallOptions & { query: Query; onNote?: (line: StreamLine) => boolean },
): AsyncGenerator<T> {
  const { signal } = options;
  let cursor: string | null | undefined;
  let limit = query.limit;
  do {
    const question = { ...options, query: { ...query, limit, cursor: cursor ?? query.cursor } };
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
      if (value.scanned !== undefined && onNote?.(value) === false) return;
      if (value.end === true) cursor = value.next_cursor ?? null;
      else if (value.scanned === undefined) yield value as T;
    }
    refuseAborted(signal);
    if (cursor === undefined) throw new KitError('ANSWER_NOT_OURS', 'the stream of events was interrupted');
  } while (cursor !== null);
}

function parseLine(line: string): StreamLine {
  try {
    return JSON.parse(line) as StreamLine;
  } catch (cause) {
    throw new KitError('ANSWER_NOT_OURS', 'a line of the stream of events is not JSON', { cause });
  }
}

/** Half of a page that was too large. Rethrows every other error. */
function smallerPage(error: unknown, limit: Query[string]): number {
  const asked = Number(limit ?? LIMITS.page_items_default);
  if (!KitError.is(error) || error.code !== 'ANSWER_TOO_LARGE' || !(asked > 1)) throw error;
  return Math.floor(asked / 2);
}
