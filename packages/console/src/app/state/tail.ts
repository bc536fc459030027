import type { Match, Skipped, TailPage } from '@pik/schema';

import { ApiError, openStream, type Values } from './api.ts';
import { readLines } from './lines.ts';

/** How receipts arrive now: by a stream, by asking again and again, or not until the server is there again. */
export type TailState = 'connecting' | 'live' | 'polling' | 'lost';

/** Gets what arrives. */
export interface TailListener {
  /** In the order of the log, each once. */
  onMatches(matches: readonly Match[]): void;
  /** More arrived than the server keeps for one reader. */
  onSkipped(count: number): void;
  onState(state: TailState): void;
}

/** Pauses of a tail. */
export interface TailPauses {
  /** Milliseconds between two pages of a server without streams. */
  readonly pollMs: number;
  /** Milliseconds before another attempt to reach the server. */
  readonly retryMs: number;
}

const PAUSES: TailPauses = { pollMs: 2_000, retryMs: 1_000 };

/** A wait that ends early with the signal. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      done();
    });
  });
}

/**
 * Follows the receipts that match as they arrive, until the signal aborts. It continues after the last id it got, over any number of
 * lost connections. Throws the `ApiError` of a request that cannot succeed, such as a fault in the expression.
 */
export async function followTail(
  values: Values,
  {
    signal,
    pauses = PAUSES,
    ...listener
  }: TailListener & { readonly signal: AbortSignal; readonly pauses?: TailPauses },
): Promise<void> {
  let last: string | null = null;
  const onId = (id: string) => {
    last = id;
  };
  listener.onState('connecting');
  while (!signal.aborted) {
    try {
      const isCurrent = await readOnce(values, { last, onId, signal, listener });
      if (isCurrent) await pause(pauses.pollMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      const isFinal = error instanceof ApiError && !error.retryable && error.code !== 'NETWORK';
      if (isFinal) throw error;
      listener.onState('lost');
      await pause(pauses.retryMs, signal);
    }
  }
}

interface Reading {
  readonly last: string | null;
  onId(id: string): void;
  readonly signal: AbortSignal;
  readonly listener: TailListener;
}

/** Reads a stream to its end, or a page. Returns whether nothing more is there now. */
async function readOnce(values: Values, { last, onId, signal, listener }: Reading): Promise<boolean> {
  const resumed: Readonly<Record<string, string>> = last === null ? {} : { 'last-event-id': last };
  const headers = { accept: 'text/event-stream', ...resumed };
  const response = await openStream('tail', values, { signal, headers });
  if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
    const page = (await response.json()) as TailPage;
    if (page.next_cursor !== null) onId(page.next_cursor);
    listener.onState('polling');
    if (page.matches.length > 0) listener.onMatches(page.matches);
    return page.is_current;
  }
  listener.onState('live');
  for await (const { event, id, data } of eventsOf(response)) {
    if (id !== '') onId(id);
    if (data === '') continue;
    if (event === '') listener.onMatches([JSON.parse(data) as Match]);
    else listener.onSkipped((JSON.parse(data) as Skipped).count);
  }
  throw new ApiError({ code: 'NETWORK', detail: 'The stream has ended.' });
}

interface ServerEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

/** The events of a stream, as far as the server uses their format: one line per field. */
async function* eventsOf(response: Response): AsyncGenerator<ServerEvent> {
  let fields: ServerEvent = { event: '', id: '', data: '' };
  for await (const line of readLines(response)) {
    if (line === '') {
      yield fields;
      fields = { event: '', id: '', data: '' };
      continue;
    }
    const colon = line.indexOf(': ');
    const [name, value] = [line.slice(0, colon), line.slice(colon + 2)];
    if (name === 'id' || name === 'event' || name === 'data') fields = { ...fields, [name]: value };
  }
}
