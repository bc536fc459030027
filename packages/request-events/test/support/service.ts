import type { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import http, { type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import net from 'node:net';

import { type Catalog, createProducer, type Producer, type ProducerOptions } from '@pik/sdk';

import { eventsOf, type Line, scriptedBackend } from '../../../sdk/test/support/scripted-backend.ts';
import type { RequestEventsOptions, RequestEventsStats, RequestPayload } from '../../src/index.ts';

/** The options of the middleware under test, with the requests and responses of its framework. */
// biome-ignore lint/suspicious/noExplicitAny: one suite for frameworks that have nothing in common.
export type Options = RequestEventsOptions<Catalog, any, any>;

/** Settings of the service of each framework. */
export interface ServiceOptions {
  readonly events: Options;
  readonly trustProxy?: boolean;
  /** Called by routes that report their start and wait for a signal to continue. */
  readonly gate: Gate;
  /** Holds the tenant that a request names, for all code after the middleware under test. */
  readonly store?: AsyncLocalStorage<string> | undefined;
  /** Serves HTTP/2, without TLS. */
  readonly http2?: boolean | undefined;
}

/** A listening service. */
export interface Service {
  readonly server: Server;
  stats(): RequestEventsStats;
  close(): Promise<void>;
}

/** Starts the service with the routes of `ROUTES`, on port 0. */
export type StartService = (options: ServiceOptions) => Promise<Service>;

/** Holds requests until the test releases them. */
export class Gate {
  readonly entered: string[] = [];
  #waiting: (() => void)[] = [];
  #shared: Promise<void> | null = null;

  hold(name: string): Promise<void> {
    return new Promise((resolve) => this.onOpen(name, resolve));
  }

  /** Like `hold`, for code that runs within the opening call. */
  onOpen(name: string, go: () => void): void {
    this.entered.push(name);
    this.#waiting.push(go);
  }

  /** One wait for all requests that arrive meanwhile, such as a shared query. */
  shared(): Promise<void> {
    this.#shared ??= new Promise((resolve) => {
      setTimeout(() => {
        this.#shared = null;
        resolve();
      }, 5);
    });
    return this.#shared;
  }

  open(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}

export interface World {
  readonly service: Service;
  readonly gate: Gate;
  readonly port: number;
  readonly producer: Producer<Catalog>;
  readonly callbackErrors: string[];
  /** All events in the backend, once there are this many. */
  events(count: number): Promise<Line[]>;
  /** The payloads of `http.request`, once there are this many. */
  requests(count: number): Promise<RequestPayload[]>;
  get(path: string, options?: http.RequestOptions): Promise<Answer>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** A service, a producer and a backend that stores what it receives. */
export async function world(
  start: StartService,
  options: Partial<Options> = {},
  {
    trustProxy = false,
    producer: producerOptions = {},
    ...more
  }: Partial<Pick<ServiceOptions, 'trustProxy' | 'store' | 'http2'>> & { producer?: Partial<ProducerOptions> } = {},
): Promise<World> {
  const backend = scriptedBackend();
  const producer = createProducer({
    fetch: backend.fetch,
    source: 'shop',
    flushIntervalMs: 1,
    log: () => {},
    ...producerOptions,
  });
  const gate = new Gate();
  const callbackErrors: string[] = [];
  const onCallbackError = (_: unknown, name: string) => callbackErrors.push(name);
  const service = await start({ events: { producer, onCallbackError, ...options }, trustProxy, gate, ...more });
  const { port } = service.server.address() as AddressInfo;
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const events = async (count: number) => {
    await until(() => eventsOf(backend.requests).length >= count);
    // One more turn: a surplus event would have arrived by then.
    await producer.flush();
    return eventsOf(backend.requests);
  };
  return {
    service,
    gate,
    port,
    producer,
    callbackErrors,
    events,
    async requests(count) {
      const isRequest = ({ event_type }: Line) => event_type === 'http.request';
      await until(() => eventsOf(backend.requests).filter(isRequest).length >= count);
      await producer.flush();
      return eventsOf(backend.requests)
        .filter(isRequest)
        .map(({ payload }) => payload as unknown as RequestPayload);
    },
    get: (path, requestOptions) => get({ agent, path, ...requestOptions, port }),
    async close() {
      agent.destroy();
      await service.close();
      await producer.close();
    },
  };
}

/** Sends a request and reads the whole answer; rejects if the connection is cut. */
export async function get({
  body,
  ...options
}: http.RequestOptions & { readonly body?: string; readonly port: number }): Promise<Answer> {
  const request = http.request({ host: '127.0.0.1', ...options });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

/** Bytes of a response that no connection takes at once. */
export const HUGE = 64 * 1024 * 1024;

/** A bare connection, for requests that no client would send. */
export async function connect(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** Resolves when the condition holds; the test's own timeout bounds it. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}
