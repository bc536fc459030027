import type { IncomingMessage, ServerResponse } from 'node:http';

import { Socket } from 'node:net';

import { type CallerContext, callerContext } from '@pik/schema/events';
import type { EmitOptions, Emitted, PayloadOf } from '@pik/sdk';
import type { Framework } from './framework.ts';
import type { Settings } from './options.ts';
import type { Completion } from './payload.ts';
import { encodingOf, ResponseBody } from './response-body.ts';
import { type Observed, observedOf, observeResponse } from './response-writes.ts';
import { activeTrace, continueTrace, type TraceContext } from './trace.ts';
import { completionOf, type Http2Stream, streamOf } from './transport.ts';
import { UpgradeAnswer } from './upgrade-answer.ts';

/** Options of an event that belongs to a request. */
export interface RequestEmitOptions extends Omit<EmitOptions, 'entity_id'> {
  /** Default: the entity of the request. */
  readonly entity_id?: string | undefined;
}

/** The API of `req.pik`. */
export interface RequestEvents<C> {
  /** The same id as in `http.request`. */
  readonly request_id: string;
  /** 32 hex digits. */
  readonly trace_id: string;
  /** W3C trace context of this request, for outgoing requests that it causes. */
  readonly traceparent: string;
  /**
   * Emits an event that belongs to the request: with its trace, and of its entity unless the options name another. Like
   * the producer's `emit`, it never throws because of the event and never waits.
   */
  emit<T extends keyof C & string>(
    event_type: T,
    payload: PayloadOf<C, T> | null,
    options?: RequestEmitOptions,
  ): Emitted;
}

/** The parts of the recorder that a request calls. */
export interface RequestRecorder<C, Request, Response> {
  readonly framework: Framework<Request, Response>;
  readonly settings: Settings<C, Request, Response>;
  /** Whether anything of the caller runs for a request later, and so needs its async context. */
  readonly keepsContexts: boolean;
  requestIdOf(request: Request, incoming: IncomingMessage): string;
  clientIpOf(request: Request): string | undefined;
  entityOf(observed: ObservedRequest<C, Request, Response>): string;
  /** Emits the event of a complete request now. */
  record(observed: ObservedRequest<C, Request, Response>, completion: Completion): void;
  /** The same, once the response has left. */
  recordLater(observed: ObservedRequest<C, Request, Response>): void;
}

/** A request from the moment that the middleware sees it. */
export class ObservedRequest<C, Request, Response> implements RequestEvents<C>, Observed {
  readonly request: Request;
  readonly response: Response;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly startedMs = performance.now();
  readonly responseBody: ResponseBody | null;
  /** Read at once: a closed connection has no address. */
  readonly clientIp: string | undefined;
  /** The async context in which the response began; until then, the one that called the middleware. Null if not kept. */
  context: CallerContext | null;
  /** Known once the request is complete. */
  durationMs = 0;
  /** Body bytes written. */
  bytes = 0;
  readonly #recorder: RequestRecorder<C, Request, Response>;
  readonly #upgrade: UpgradeAnswer | null;
  readonly #stream: Http2Stream | null;
  readonly #hasConnection: boolean;
  #trace: TraceContext | null;
  #requestId: string | null = null;
  #isComplete = false;
  #hasBegun = false;
  #queued: Set<Observed> | null = null;

  constructor(recorder: RequestRecorder<C, Request, Response>, request: Request, response: Response) {
    const { framework, settings } = recorder;
    this.#recorder = recorder;
    this.context = recorder.keepsContexts ? callerContext() : null;
    this.request = request;
    this.response = response;
    this.incoming = framework.rawRequest(request);
    this.outgoing = framework.rawResponse(response);
    this.#trace = activeTrace();
    this.#stream = streamOf(this.incoming);
    this.#upgrade = upgradeOf(this.incoming, this.outgoing);
    this.clientIp = settings.captured.clientIp ? recorder.clientIpOf(request) : undefined;
    this.responseBody = settings.captured.responseBody ? new ResponseBody(settings.captured.bytesMax) : null;
    observeResponse(this.outgoing, this);
    this.outgoing.on('finish', onFinish);
    this.outgoing.on('close', onClose);
    this.#hasConnection = this.#stream !== null || this.incoming.socket instanceof Socket;
    if (this.#stream === null && this.outgoing.socket === null) this.#queued = queueOf(this.incoming.socket).add(this);
  }

  get request_id(): string {
    this.#requestId ??= this.#recorder.requestIdOf(this.request, this.incoming);
    return this.#requestId;
  }

  get trace_id(): string {
    return this.#traceContext.trace_id;
  }

  get traceparent(): string {
    return this.#traceContext.traceparent;
  }

  emit<T extends keyof C & string>(
    eventType: T,
    payload: PayloadOf<C, T> | null,
    options: RequestEmitOptions = {},
  ): Emitted {
    const entity_id = options.entity_id ?? this.#recorder.entityOf(this);
    const traceparent = options.traceparent ?? this.traceparent;
    const request_id = options.request_id ?? this.request_id;
    return this.#recorder.settings.producer.emit(eventType, payload, {
      ...options,
      entity_id,
      request_id,
      traceparent,
    });
  }

  /** The status of an answer that bypassed the response, such as one that hands the connection to another protocol. */
  get upgradeStatus(): number | null {
    return this.outgoing.headersSent ? null : (this.#upgrade?.status ?? null);
  }

  get #traceContext(): TraceContext {
    this.#trace ??= continueTrace(this.incoming.headers.traceparent);
    return this.#trace;
  }

  add(chunk: unknown, encoding: unknown): void {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      if (this.context !== null) this.context = callerContext();
    }
    if (typeof chunk === 'string') this.bytes += Buffer.byteLength(chunk, encodingOf(encoding));
    else if (chunk instanceof Uint8Array) this.bytes += chunk.byteLength;
    this.responseBody?.add(chunk, encoding);
  }

  complete(completion: Completion): void {
    if (this.#isComplete) return;
    this.#isComplete = true;
    this.#queued?.delete(this);
    this.durationMs = performance.now() - this.startedMs;
    // Without a connection, as in tests, there may be no further turn before everything is closed.
    const isFinished = this.#isFinished(completion);
    if (isFinished && this.#hasConnection) this.#recorder.recordLater(this);
    else this.#recorder.record(this, isFinished ? 'finished' : 'aborted');
  }

  #isFinished(completion: Completion): boolean {
    if (completion === 'aborted') return false;
    if (this.#stream !== null) return completionOf(this.#stream, this.outgoing) === 'finished';
    // Before Node 24 a response also finishes on a failed connection.
    return !this.#hasConnection || this.incoming.socket.errored === null;
  }
}

/** Responses queued behind others on their connection. Before version 24, Node does not notify them when it is cut. */
const queues = new WeakMap<object, Set<Observed>>();

function queueOf(socket: Socket): Set<Observed> {
  const known = queues.get(socket);
  if (known !== undefined) return known;
  const queue = new Set<Observed>();
  queues.set(socket, queue);
  socket.once('close', () => {
    for (const observed of queue) observed.complete('aborted');
  });
  return queue;
}

function upgradeOf(incoming: IncomingMessage, outgoing: ServerResponse): UpgradeAnswer | null {
  const { socket, upgrade }: IncomingMessage & { readonly upgrade?: boolean | undefined } = incoming;
  return upgrade === true && socket instanceof Socket ? new UpgradeAnswer(socket, outgoing.socket === null) : null;
}

function onFinish(this: ServerResponse): void {
  observedOf(this)?.complete('finished');
}

function onClose(this: ServerResponse): void {
  // Finished responses were completed before.
  observedOf(this)?.complete('aborted');
}
