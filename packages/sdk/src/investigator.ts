import {
  type DuplicatesReport,
  type EventExplanation,
  type EventView,
  KitError,
  type LagReport,
  type RawEvent,
  type Receipt,
  type RejectPage,
  ROUTES,
  type RouteName,
  type TimelinePage,
  type VerifyPage,
} from '@pik/schema';

import { answerError, type Call, type ConnectionOptions, callError, connect } from './connection.ts';
import { createRetry, type Retry } from './retry.ts';

/** A time: RFC 3339 with an offset, or a Date. */
export type Time = string | Date;

/** What every call takes. */
export interface CallOptions {
  /** Stops the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** How an investigator asks. */
export interface InvestigatorOptions extends ConnectionOptions {
  /** Milliseconds for one answer. Default 60,000. */
  readonly requestTimeoutMs?: number;
}

/** Which events of an entity: half-open in event time, as they were known at `as_of`. */
export interface TimelineSelection {
  readonly entity_id: string;
  readonly start_time?: Time | undefined;
  readonly end_time?: Time | undefined;
  readonly as_of?: Time | undefined;
  /** Events of one page. Default 500, at most 1,000. */
  readonly limit?: number | undefined;
}

/** What a report covers; everything may be left out. */
export interface ReportSelection {
  readonly start_time?: Time | undefined;
  readonly end_time?: Time | undefined;
  readonly as_of?: Time | undefined;
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
  /** Which time the range means. Default: the event's own. */
  readonly basis?: 'event' | 'received' | undefined;
  /** Default: source and event type. */
  readonly by?: readonly ('source' | 'event_type' | 'day' | 'hour')[] | undefined;
  readonly include_imported?: boolean | undefined;
}

/** Which event to explain. */
export type EventSelection =
  | string
  | { readonly source: string; readonly event_type: string; readonly entity_id: string; readonly key: string }
  | { readonly entity_id: string; readonly event_time: Time };

/** Which rejected receipts: half-open in receive time. */
export interface RejectsSelection {
  readonly start_time?: Time | undefined;
  readonly end_time?: Time | undefined;
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
}

/** One rejected receipt or conflict. */
export type Reject = RejectPage['rejects'][number];

/** Asks the kit. Every method throws KitError with the backend's code, or `NETWORK`, `TIMEOUT`, `ANSWER_NOT_OURS`. */
export interface Investigator {
  timelinePage(
    selection: TimelineSelection & { cursor?: string | undefined },
    options?: CallOptions,
  ): Promise<TimelinePage>;
  /** All events of the selection, page by page. */
  readTimeline(selection: TimelineSelection, options?: CallOptions): AsyncIterable<EventView>;
  /** All events of the selection with their received text, byte for byte. A stream cut short is an error, never an end. */
  readEvents(selection: TimelineSelection, options?: CallOptions): AsyncIterable<RawEvent>;
  lag(selection?: ReportSelection & { late_over_ms?: number | undefined }, options?: CallOptions): Promise<LagReport>;
  duplicates(selection?: ReportSelection, options?: CallOptions): Promise<DuplicatesReport>;
  explainEvent(event: EventSelection, options?: CallOptions & { as_of?: Time | undefined }): Promise<EventExplanation>;
  readRejects(selection?: RejectsSelection, options?: CallOptions): AsyncIterable<Reject>;
  getReceipt(
    address: { pack_id: string; line: number },
    options?: CallOptions,
  ): Promise<{ receipt: Receipt; bytes: Uint8Array }>;
  /** Holds log and index against each other; each page is a part of the walk, the last one has the root digest. */
  readVerification(options?: CallOptions): AsyncIterable<VerifyPage>;
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface Asking {
  readonly call: Call;
  readonly retry: Retry;
  readonly timeoutMs: number;
}

/**
 * Makes an investigator.
 *
 * @throws KitError `CONFIG_INVALID` without a usable URL.
 */
export function createInvestigator(options: InvestigatorOptions): Investigator {
  const timeoutMs = options.requestTimeoutMs ?? 60_000;
  const asking: Asking = {
    call: connect(options),
    retry: createRetry({ deadlineMs: timeoutMs, attemptsMax: 4 }),
    timeoutMs,
  };
  const ask = <T>(route: RouteName, query: Query, call: CallOptions = {}) =>
    getJson<T>(asking, route, { query, ...call });
  const timelinePage: Investigator['timelinePage'] = (selection, call) => ask('timeline', times(selection), call);
  return {
    timelinePage,
    readTimeline: (selection, call) =>
      readPages(async (cursor) => {
        const page = await timelinePage({ ...selection, cursor }, call);
        return { items: page.events, next: page.next_cursor };
      }),
    readEvents: (selection, call) => readRawEvents(asking, selection, call ?? {}),
    lag: (selection = {}, call) => ask('lag', reportQuery(selection), call),
    duplicates: (selection = {}, call) => ask('duplicates', reportQuery(selection), call),
    explainEvent: (event, { as_of, ...call } = {}) => {
      if (typeof event !== 'string') return ask('eventByKey', times({ ...event, as_of }), call);
      return getJson(asking, 'event', { params: { event_id: event }, query: times({ as_of }), ...call });
    },
    readRejects: (selection = {}, call) =>
      readPages(async (cursor) => {
        const page = await ask<RejectPage>('rejects', { ...times(selection), cursor }, call);
        return { items: page.rejects, next: page.next_cursor };
      }),
    getReceipt: (address, call) => getReceipt(asking, address, call ?? {}),
    readVerification: (call) =>
      readPages(async (cursor) => {
        const page = await ask<VerifyPage>('verify', { cursor }, call);
        return { items: [page], next: page.next_cursor };
      }),
  };
}

async function* readPages<T>(
  read: (cursor: string | undefined) => Promise<{ items: readonly T[]; next: string | null }>,
): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const { items, next } = await read(cursor);
    yield* items;
    cursor = next ?? undefined;
  } while (cursor !== undefined);
}

function times(selection: object): Query {
  return Object.fromEntries(
    Object.entries(selection).map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]),
  );
}

function reportQuery({ by, ...selection }: ReportSelection): Query {
  return { ...times(selection), by: by?.join(',') };
}

interface Question extends CallOptions {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Query;
}

function pathOf(route: RouteName, { params = {}, query = {} }: Question): string {
  const path = ROUTES[route].path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return search.size === 0 ? path : `${path}?${search}`;
}

async function get(asking: Asking, path: string, options: CallOptions & { accept: string }): Promise<Response> {
  const { signal, accept } = options;
  const response = await asking.call(path, {
    headers: { accept },
    timeoutMs: asking.timeoutMs,
    ...(signal ? { signal } : {}),
  });
  if (response.status !== 200) throw await answerError(response);
  return response;
}

/** Asking again is always safe: nothing here changes anything. The answer is held against the route's own schema. */
function getJson<T>(asking: Asking, route: RouteName, question: Question): Promise<T> {
  return asking.retry(async () => {
    const response = await get(asking, pathOf(route, question), { ...question, accept: 'application/json' });
    const value: unknown = await response.json().catch((cause: unknown) => {
      throw new KitError('ANSWER_NOT_OURS', undefined, { cause });
    });
    const { response: schema } = ROUTES[route] as {
      response?: { safeParse(value: unknown): { success: boolean; error?: unknown } };
    };
    const parsed = schema?.safeParse(value);
    if (parsed?.success === false)
      throw new KitError('ANSWER_NOT_OURS', `not an answer of ${ROUTES[route].path}`, { cause: parsed.error });
    return value as T;
  });
}

async function getReceipt(asking: Asking, params: { pack_id: string; line: number }, options: CallOptions) {
  const receipt = await getJson<Receipt>(asking, 'receipt', { params: { ...params }, ...options });
  const bytes = await asking.retry(async () => {
    const response = await get(asking, pathOf('receipt', { params: { ...params } }), {
      ...options,
      accept: 'application/octet-stream',
    });
    return new Uint8Array(await response.arrayBuffer());
  });
  return { receipt, bytes };
}

type StreamLine = RawEvent & {
  end?: true;
  next_cursor?: string | null;
  error?: { code: 'RAW_MISSING' | 'RAW_CORRUPT'; detail: string };
};

async function* readRawEvents(
  asking: Asking,
  selection: TimelineSelection,
  options: CallOptions,
): AsyncGenerator<RawEvent> {
  let cursor: string | null | undefined;
  do {
    const path = pathOf('timeline', { query: { ...times(selection), include: 'body', cursor: cursor ?? undefined } });
    const response = await asking.retry(() => get(asking, path, { ...options, accept: 'application/x-ndjson' }));
    cursor = undefined;
    for await (const line of readLines(response)) {
      const value = JSON.parse(line) as StreamLine;
      if (value.error !== undefined) throw new KitError(value.error.code, value.error.detail);
      if (value.end === true) cursor = value.next_cursor ?? null;
      else yield value;
    }
    if (cursor === undefined) throw new KitError('ANSWER_NOT_OURS', 'the stream of events was cut short');
  } while (cursor !== null);
}

async function* readLines(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const reader = response.body
    .pipeThrough(new TextDecoderStream('utf-8', { fatal: true, ignoreBOM: true }))
    .getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (cause) {
    throw callError(cause, { aborted: false, timedOut: (cause as Error | null)?.name === 'TimeoutError' });
  } finally {
    // A caller who stops in the middle wants no more of it.
    await reader.cancel().catch(() => undefined);
  }
}
