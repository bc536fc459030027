import type { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import http, { type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import net from 'node:net';

import { type Catalog, createProducer, type Producer, type ProducerOptions } from '@pik/sdk';

import { eventsOf, type Line, scriptedBackend } from '../../../sdk/test/support/scripted-backend.ts';
import type { RequestEventsOptions, RequestEventsStats, RequestPayload } from '../../src/index.ts';

/** The options of the middleware under test, whose requests and responses are those of its framework. */
// biome-ignore lint/suspicious/noExplicitAny: one suite for frameworks that have nothing in common.
export type Options = RequestEventsOptions<Catalog, any, any>;

/** What the service of each framework is started with. */
export interface ServiceOptions {
  readonly events: Options;
  readonly trustProxy?: boolean;
  /** Called by routes that tell when they have begun, and wait to be told to go on. */
  readonly gate: Gate;
  /** What a request names as its tenant is in here, for all that come after the middleware under test. */
  readonly store?: AsyncLocalStorage<string> | undefined;
  /** Serves HTTP/2, without TLS. */
  readonly http2?: boolean | undefined;
}

/** A service that listens. */
export interface Service {
  readonly server: Server;
  stats(): RequestEventsStats;
  close(): Promise<void>;
}

/** Starts the service with the routes of `ROUTES`, on port 0. */
export type StartService = (options: ServiceOptions) => Promise<Service>;

/** Holds requests until the test lets them go. */
export class Gate {
  readonly entered: string[] = [];
  #waiting: (() => void)[] = [];
  #shared: Promise<void> | null = null;

  hold(name: string): Promise<void> {
    return new Promise((resolve) => this.onOpen(name, resolve));
  }

  /** As `hold`, for what goes on within the call that opens. */
  onOpen(name: string, go: () => void): void {
    this.entered.push(name);
    this.#waiting.push(go);
  }

  /** One wait for all that come meanwhile, as of a query that they share. */
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
  /** All events that the backend has, once so many are there. */
  events(count: number): Promise<Line[]>;
  /** The payloads of `http.request`, once so many are there. */
  requests(count: number): Promise<RequestPayload[]>;
  get(path: string, options?: http.RequestOptions): Promise<Answer>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** A service, a producer and a backend that keeps what it is sent. */
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
    // One more turn of everything: an event too many would be there then.
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

/** Sends a request and reads the whole answer; rejects where the connection is cut. */
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

/** A bare connection, for what no client would send. */
export async function connect(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** Resolves when something is so; the test's own timeout bounds it. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}
