import { KitError, type Match, matchSchema, type Skipped, type TailPage, tailQuestion } from '@pik/schema';
import { setOwnTimeout } from '@pik/schema/events';

import { refuseAborted, unlessAborted } from '../connection/connection.ts';
import { type Asking, ask, type CallOptions, type Query, readBody, send } from './ask.ts';
import { readLines } from './read-lines.ts';

/** Options of following what arrives. */
export interface TailCallOptions extends CallOptions {
  /** Called before each match, and when nothing matches for a while, with the cursor that continues there. */
  readonly onCursor?: ((cursor: string) => void) | undefined;
}

/** Milliseconds between two pages of a backend without streams. */
const POLL_MS = 1_000;

/** A connection that ends, or that its time limit ends, is replaced by one that continues after the last id. */
const RECONNECTED: ReadonlySet<string> = new Set(['NETWORK', 'TIMEOUT']);

/** Reads what arrives, each match once and in the order of the log, until the signal aborts or the caller stops. */
export async function* readTail(
  asking: Asking,
  { query, onCursor, ...options }: TailCallOptions & { query: Query },
): AsyncGenerator<Match> {
  const { signal } = options;
  let asked = query;
  for (;;) {
    refuseAborted(signal);
    const response = await asking.retry(
      () => send(asking, 'tail', { ...options, query: asked, accept: 'text/event-stream' }),
      signal,
    );
    try {
      for await (const { cursor, matches } of itemsOf(asking, response, { ...options, query: asked })) {
        if (cursor !== null) {
          asked = { ...query, cursor };
          onCursor?.(cursor);
        }
        yield* matches;
      }
    } catch (error) {
      if (!KitError.is(error) || !RECONNECTED.has(error.code)) throw error;
    }
  }
}

interface Items {
  /** Continues after these matches; null if others of the same part follow. */
  readonly cursor: string | null;
  readonly matches: readonly Match[];
}

type Asked = CallOptions & { readonly query: Query };

async function* itemsOf(asking: Asking, response: Response, asked: Asked): AsyncGenerator<Items> {
  const { signal } = asked;
  if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
    const page = checked<TailPage>(await readBody(() => response.json(), signal), tailQuestion.response);
    yield { cursor: page.next_cursor, matches: page.matches };
    if (page.is_current) await waited(POLL_MS, signal);
    return;
  }
  for await (const { event, id, data } of eventsOf(response, signal)) {
    if (event === 'skipped') yield* skippedItems(asking, parsed(data) as Skipped, asked);
    else yield { cursor: id, matches: event === '' && data !== '' ? [checked<Match>(parsed(data), matchSchema)] : [] };
  }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new KitError('ANSWER_NOT_OURS', 'an event of the stream is not JSON', { cause });
  }
}

function checked<T>(value: unknown, schema: { safeParse(value: unknown): { success: boolean; error?: unknown } }): T {
  const { success, error } = schema.safeParse(value);
  if (!success) throw new KitError('ANSWER_NOT_OURS', `not an answer of ${tailQuestion.path}`, { cause: error });
  return value as T;
}

/** The part that the server left out because this listener read too slowly. */
async function* skippedItems(
  asking: Asking,
  { from, to }: Skipped,
  { query, ...options }: Asked,
): AsyncGenerator<Items> {
  for (let cursor = from, isAll = false; !isAll; ) {
    const page: TailPage = await ask(asking, 'tail', { ...options, query: { ...query, cursor, until: to } });
    isAll = page.is_current;
    cursor = page.next_cursor ?? to;
    yield { cursor, matches: page.matches };
  }
}

interface ServerEvent {
  readonly event: string;
  readonly id: string | null;
  readonly data: string;
}

/** The events of a stream, as far as this server uses their format: one line per field. */
async function* eventsOf(response: Response, signal: AbortSignal | undefined): AsyncGenerator<ServerEvent> {
  let fields = { event: '', id: null as string | null, data: '' };
  for await (const line of readLines(response, signal)) {
    if (line === '') {
      if (fields.id !== null) yield fields;
      fields = { event: '', id: null, data: '' };
      continue;
    }
    const colon = line.indexOf(': ');
    const [name, value] = [line.slice(0, colon), line.slice(colon + 2)];
    if (name === 'id' || name === 'event' || name === 'data') fields = { ...fields, [name]: value };
  }
}

/** Waits; rejects as soon as the signal aborts. */
function waited(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return unlessAborted(signal, () => new Promise((resolve) => setOwnTimeout(resolve, ms)));
}
