import type { Match, Scanned } from '@pik/schema';

import { ApiError, openStream, type Values } from './api.ts';
import { readLines } from './lines.ts';

/** How far a search has come. */
export interface Progress extends Scanned {
  /** Packs of the whole search; null while they are not counted. */
  readonly packs_total: number | null;
}

/** Gets what a search finds. */
export interface SearchListener {
  /** Matches in the order in which they are found, the last stored first. */
  onMatches(matches: readonly Match[]): void;
  onProgress(progress: Progress): void;
  /** A pack that could not be read, and so was not searched. */
  onUnreadable(pack: { readonly pack_id: string; readonly code: string }): void;
  /** The cursor that continues behind everything found so far, at the end of each page. */
  onCursor(cursor: string | null): void;
}

/** A line of the stream that is not a match: progress, or the end. */
interface Note {
  readonly end?: boolean;
  readonly scanned?: Scanned;
  readonly packs_total?: number | null;
  readonly unreadable?: readonly { readonly pack_id: string; readonly code: string }[];
  readonly next_cursor?: string | null;
  readonly error?: { readonly code: string; readonly detail: string };
}

/** Matches of one page of the server. */
const PAGE = 500;

/**
 * Searches until `count` more receipts match, or the range is searched, or the signal aborts. Returns the cursor that continues,
 * null at the end of the range. Throws `ApiError`.
 */
export async function search(
  values: Values,
  { count, signal, ...listener }: SearchListener & { readonly count: number; readonly signal: AbortSignal },
): Promise<string | null> {
  let cursor = values.cursor;
  let left = count;
  for (;;) {
    const asked = { ...values, cursor, limit: Math.min(PAGE, left) };
    const response = await openStream('find', asked, { signal, headers: { accept: 'application/x-ndjson' } });
    const { next, found } = await readPage(response, listener);
    left -= found;
    listener.onCursor(next);
    if (next === null || left <= 0) return next;
    cursor = next;
  }
}

async function readPage(
  response: Response,
  listener: SearchListener,
): Promise<{ readonly next: string | null; readonly found: number }> {
  let found = 0;
  for await (const line of readLines(response)) {
    const value = JSON.parse(line) as Match | Note;
    if ('pack_id' in value) {
      found += 1;
      listener.onMatches([value]);
      continue;
    }
    if (value.error !== undefined) throw new ApiError({ ...value.error, retryable: true });
    for (const pack of value.unreadable ?? []) listener.onUnreadable(pack);
    if (value.scanned !== undefined) listener.onProgress({ ...value.scanned, packs_total: value.packs_total ?? null });
    if (value.end === true) return { next: value.next_cursor ?? null, found };
  }
  throw new ApiError({ code: 'NETWORK', detail: 'The search was interrupted.' });
}
