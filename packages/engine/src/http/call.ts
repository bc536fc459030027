import type { ProcessHealth, RouteName, SelectionOf, Status } from '@pik/schema';

import type { Pipeline, QuestionOptions } from '../api/pipeline.ts';

/** A question of a caller, in a form that can be passed to another thread. */
export interface RoutedQuestion {
  readonly route: RouteName;
  readonly url: string;
  readonly accept: string | null;
  readonly requestId: string;
  readonly receivedMs: number;
  readonly principal: string | null;
  /** True if the caller may not see masked members. */
  readonly isMasked: boolean;
  readonly params: Readonly<Record<string, string>>;
  /** The query after its schema. */
  readonly query: object;
  /** The body after its schema, of a route that has one. */
  readonly body?: object | undefined;
}

/** Answers questions on other threads, so that they never hold up the caller's. */
export interface Readers {
  /** False if the threads cannot answer as this one would: then questions are answered here. */
  readonly isUsable: boolean;
  /** Throws what the handler of the route throws, and `READER_LOST`, `SHUTTING_DOWN`. */
  ask(question: RoutedQuestion, options: QuestionOptions): Promise<Answer>;
}

/** The services of the handlers: a whole pipeline, or the part that they need. */
export interface Services<P = Pipeline> {
  readonly pipeline: P;
  /** Null if this thread answers all questions. */
  readonly readers: Readers | null;
  /** The state of this process, if it knows it. */
  readonly health: (() => Promise<ProcessHealth>) | null;
  /** The metrics in the Prometheus text format, if this process has any. */
  readonly metricsText: (() => Promise<string>) | null;
  /** Answers MCP, if this process does. */
  readonly mcp: ((request: Request) => Promise<Response>) | null;
}

/** One request after authentication and query check. */
export interface Call<N extends RouteName> {
  readonly request: Request;
  readonly requestId: string;
  /** When the request arrived, in milliseconds since the epoch. */
  readonly receivedMs: number;
  /** The name of the API key; null without keys. */
  readonly principal: string | null;
  /** True if the caller may not see masked members. */
  readonly isMasked: boolean;
  readonly params: Readonly<Record<string, string>>;
  /** The query after its schema: known fields only, flags and counts already read. */
  readonly query: SelectionOf<N>;
  readonly notes: Notes;
  /** True for a page in a browser whose key is in the URL: it can send only texts (`sendBeacon`). */
  readonly isPage: boolean;
  /** The signal and time limit of the request, and what its caller may see. */
  readonly asking: () => QuestionOptions;
}

/** The fields that a handler adds to the log line of its request. */
export interface Notes {
  bytes_in: number;
  code?: string;
  counts?: Partial<Record<Status, number>>;
}

/** An answer before it becomes a `Response`; the headers that all answers share are added then. */
export interface Answer {
  readonly status: number;
  /** The content type; absent where there is no body. */
  readonly type?: string;
  readonly body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers one route. */
export type Handler<N extends RouteName, P = Pipeline> = (
  services: Services<P>,
  call: Call<N>,
) => Answer | Promise<Answer>;

/** The handlers of some routes. */
export type Handlers<P = Pipeline> = { readonly [N in RouteName]?: Handler<N, P> };
