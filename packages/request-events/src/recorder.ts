import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';

import { provideAsyncResource, setOwnImmediate, type WrittenDoor, writtenDoorOf } from '@pik/schema/events';
import type { Catalog, Producer } from '@pik/sdk';

import { Callbacks } from './callbacks.ts';
import { capturedFields } from './captured-fields.ts';
import { entityIdOfRoute, isEntityId } from './entity-id.ts';
import type { Framework } from './framework.ts';
import { ObservedRequest, type RequestEvents, type RequestRecorder } from './observed-request.ts';
import { isRate, type RequestEventsOptions, type Settings, settingsOf } from './options.ts';
import { type Completion, HTTP_REQUEST, type RequestPayload, UNMATCHED } from './payload.ts';
import { PlainCopy } from './plain-copy.ts';
import { nextRequestId, requestIdFrom } from './request-id.ts';
import { observedOf } from './response-writes.ts';
import { isSampled } from './sampling.ts';
import { requestBytes } from './transport.ts';
import { PayloadWriter } from './written-payload.ts';

/** Counters. requests = open + emitted + skipped + sampled_out + failed, always. */
export interface RequestEventsStats {
  /** Seen by the middleware. */
  readonly requests: number;
  /** Not ended yet. */
  readonly open: number;
  /** Passed to the producer; its own `stats()` count their outcomes. */
  readonly emitted: number;
  readonly skipped: number;
  readonly sampled_out: number;
  /** Lost by a fault of this package or of the framework. */
  readonly failed: number;
  /** Callbacks that threw or returned an invalid value. */
  readonly callback_errors: number;
}

/** Maximum size of the result of `map` in bytes: below the limit of an event. */
const PAYLOAD_BYTES_MAX = 192 * 1024;

/** Creates the events of requests; one recorder per middleware or plugin. */
export class Recorder<C, Request, Response> implements RequestRecorder<C, Request, Response> {
  readonly framework: Framework<Request, Response>;
  readonly settings: Settings<C, Request, Response>;
  /** Whether callbacks of the caller run for a request, in its async context. */
  readonly keepsContexts: boolean;
  readonly #callbacks: Callbacks;
  /** Takes events whose JSON is written here; null if the producer only takes objects, or the options change them. */
  readonly #door: WrittenDoor | null;
  readonly #writer = new PayloadWriter();
  #finished: ObservedRequest<C, Request, Response>[] = [];
  readonly #counts = { requests: 0, open: 0, emitted: 0, skipped: 0, sampled_out: 0, failed: 0 };

  /** @throws KitError `CONFIG_INVALID` for options that cannot be used. */
  constructor(framework: Framework<Request, Response>, options: RequestEventsOptions<C, Request, Response>) {
    provideAsyncResource(AsyncResource);
    this.framework = framework;
    this.settings = settingsOf(options);
    this.#callbacks = new Callbacks(options.onCallbackError);
    const { captured, map, redaction } = this.settings;
    const isPlain = !captured.isOn && map === undefined && !redaction.hasPaths;
    this.#door = isPlain ? writtenDoorOf(options.producer) : null;
    const { entity, skip, sample } = options;
    const hasCallbacks = entity !== undefined || skip !== undefined || typeof sample === 'function';
    this.keepsContexts = hasCallbacks || (this.#door?.hasCallbacks ?? true);
  }

  /** Observes a request from now on; null if it is observed already. Never throws. */
  observe(request: Request, response: Response): RequestEvents<C> | null {
    try {
      if (observedOf(this.framework.rawResponse(response)) !== undefined) return null;
      const observed = new ObservedRequest(this, request, response);
      this.#counts.requests += 1;
      this.#counts.open += 1;
      return observed;
    } catch {
      this.#counts.requests += 1;
      this.#counts.failed += 1;
      return null;
    }
  }

  stats(): RequestEventsStats {
    return { ...this.#counts, callback_errors: this.#callbacks.errors };
  }

  /** The id of a request: from the callback, the framework, its header, or a new one. */
  requestIdOf(request: Request, incoming: IncomingMessage): string {
    const { requestId } = this.settings;
    const given = requestId && this.#callbacks.ask('requestId', isRequestId, () => requestId(request));
    const known = given ?? this.framework.requestId(request) ?? incoming.headers['x-request-id'];
    return requestIdFrom(known) ?? nextRequestId();
  }

  /** The client's address, while there is a connection. A caller's own proxy rule may throw. */
  clientIpOf(request: Request): string | undefined {
    return this.#callbacks.ask('clientIp', isText, () => this.framework.clientIp(request));
  }

  /** The entity of a request's events, as far as it is known now. */
  entityOf(observed: ObservedRequest<C, Request, Response>, route = this.#routeOf(observed.request)): string {
    const { entity } = this.settings;
    const { request, response } = observed;
    const given = entity && this.#callbacks.ask('entity', isEntityId, () => entity(request, response));
    return given ?? entityIdOfRoute(route ?? UNMATCHED);
  }

  /**
   * Like `record`, deferred for finished requests to the end of this turn of the event loop: responses go first, and
   * recording several in a row costs less. The turn ends before a server can be closed.
   */
  recordLater(observed: ObservedRequest<C, Request, Response>): void {
    if (this.#finished.push(observed) === 1) setOwnImmediate(this.#recordFinished);
  }

  readonly #recordFinished = () => {
    const finished = this.#finished;
    this.#finished = [];
    for (const observed of finished) this.record(observed, 'finished');
  };

  /**
   * Creates the event of an ended request, unless it is skipped or sampled out. Callbacks run in the request's async
   * context, whichever code ended it. Never throws.
   */
  record(observed: ObservedRequest<C, Request, Response>, completion: Completion): void {
    const { context } = observed;
    if (context === null) this.#record(observed, completion);
    else context.runInAsyncScope(this.#record, this, observed, completion);
  }

  #record(observed: ObservedRequest<C, Request, Response>, completion: Completion): void {
    this.#counts.open -= 1;
    try {
      if (this.#isSkipped(observed)) this.#counts.skipped += 1;
      else if (!this.#isKept(observed)) this.#counts.sampled_out += 1;
      else {
        this.#emit(observed, completion);
        this.#counts.emitted += 1;
      }
    } catch {
      this.#counts.failed += 1;
    }
  }

  #emit(observed: ObservedRequest<C, Request, Response>, completion: Completion): void {
    const payload = this.#payloadOf(observed, completion);
    const { traceparent } = observed;
    const entity_id = this.entityOf(observed, payload.route);
    if (this.#door !== null) {
      const text = this.#writer.write(payload);
      if (text !== null && this.#door.emit({ event_type: HTTP_REQUEST, entity_id, payload: text, traceparent })) return;
    }
    // The catalog is unknown here; the types of the packages require it to contain `http.request`.
    const producer = this.settings.producer as unknown as Producer<Catalog>;
    producer.emit(HTTP_REQUEST, this.#extended(observed, payload), { entity_id, traceparent });
  }

  /** Members in canonical order, so that nothing has to sort them. */
  #payloadOf(observed: ObservedRequest<C, Request, Response>, completion: Completion): RequestPayload {
    const { incoming, outgoing, upgradeStatus } = observed;
    const method = incoming.method ?? 'GET';
    const status = outgoing.headersSent ? outgoing.statusCode : upgradeStatus;
    return {
      bytes: hasBody(method, status) ? observed.bytes : 0,
      completion: upgradeStatus === null ? completion : 'finished',
      duration_ms: Math.round(observed.durationMs * 1_000) / 1_000,
      method,
      request_bytes: requestBytes(incoming),
      request_id: observed.request_id,
      route: this.#routeOf(observed.request),
      status,
      trace_id: observed.trace_id,
    };
  }

  #routeOf(request: Request): string | null {
    try {
      return this.framework.route(request);
    } catch {
      return null;
    }
  }

  #isSkipped({ request, response }: ObservedRequest<C, Request, Response>): boolean {
    const { skip } = this.settings;
    return skip !== undefined && this.#callbacks.ask('skip', isBoolean, () => skip(request, response)) === true;
  }

  #isKept(observed: ObservedRequest<C, Request, Response>): boolean {
    const { sample } = this.settings;
    if (sample === undefined) return true;
    const { request, response } = observed;
    const rate =
      typeof sample === 'number' ? sample : this.#callbacks.ask('sample', isRate, () => sample(request, response));
    return rate === undefined || isSampled(observed.trace_id, rate);
  }

  /** Adds the captured fields. A fault in one step leaves the payload as it was before that step. */
  #extended(observed: ObservedRequest<C, Request, Response>, base: RequestPayload): object {
    const { captured, map, redaction } = this.settings;
    let payload: object = base;
    if (captured.isOn) payload = { ...base, ...this.#callbacks.ask('capture', isObject, () => this.#fields(observed)) };
    if (map === undefined && !redaction.hasPaths) return payload;
    const copyOf = (value: object) => new PlainCopy(redaction, PAYLOAD_BYTES_MAX).members(value, redaction.root);
    const mapped =
      map &&
      this.#callbacks.ask('map', isObject, () => {
        const given = map({ ...payload } as RequestPayload, observed.request, observed.response);
        return isObject(given) ? copyOf(given) : given;
      });
    return mapped ?? copyOf(payload);
  }

  #fields(observed: ObservedRequest<C, Request, Response>): object {
    const { request, response, incoming, responseBody, clientIp } = observed;
    const { framework, settings } = this;
    // Some parsers set an object if there was no body.
    const body = requestBytes(incoming) === 0 ? undefined : framework.body(request);
    const responseHeaders = framework.responseHeaders(response);
    const exchange = { incoming, responseHeaders, url: framework.url(request), body, clientIp, responseBody };
    return capturedFields(settings.captured, exchange, settings.redaction);
  }
}

const NO_CONTENT = 204;
const NOT_MODIFIED = 304;

function hasBody(method: string, status: number | null): boolean {
  return method !== 'HEAD' && status !== NO_CONTENT && status !== NOT_MODIFIED;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isRequestId(value: unknown): value is string {
  return requestIdFrom(value) !== null;
}

/** True for an object with fields: not a promise, which comes too late, and not a list. */
function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !('then' in value);
}
