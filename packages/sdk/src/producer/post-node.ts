import { hostModule, KitError, utf8Text } from '@pik/schema/events';

import { type ConnectionOptions, callError, targetOf } from '../connection/connection.ts';
import { unrefTimeout } from '../connection/timers.ts';
import type { Answer, Post, PostRequest } from './posting.ts';

/** The part of `node:http` and `node:https` that is used. */
interface NodeHttp {
  readonly Agent: new (options: object) => object;
  /** Since Node 22.21 and 24.5, holds the proxies that Node was configured to use. */
  readonly globalAgent?: { readonly options?: { readonly proxyEnv?: object } };
  request(url: string, options: object, answered: (message: Message) => void): ClientRequest;
}

interface Message {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  on(event: 'data', listener: (chunk: Uint8Array) => void): void;
  on(event: 'end', listener: () => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
}

interface ClientRequest {
  on(event: 'error', listener: (error: Error) => void): void;
  destroy(): void;
  end(body: Uint8Array): void;
}

interface Host {
  readonly Deno?: unknown;
  readonly process?: { readonly versions?: Record<string, string> };
}

/** Largest response; the response to the largest batch has a fifth of it. */
const ANSWER_BYTES_MAX = 8_000_000;

/**
 * Posts over `node:http` or `node:https` with keep-alive connections; null on hosts other than Node. Uses the same
 * route as `fetch`, and so as the investigator: the proxies of Node's agents, or a dispatcher that the program has set.
 */
export function nodePost(options: ConnectionOptions, byFetch: Post): Post | null {
  const { base, headers } = targetOf(options);
  const { process, Deno } = globalThis as Host;
  const isNode = process?.versions?.node !== undefined && process.versions.bun === undefined && Deno === undefined;
  const http = isNode ? hostModule<NodeHttp>(base.startsWith('https:') ? 'node:https' : 'node:http') : null;
  if (http === null) return null;
  const agentNow = agentOf(http);
  return (path, posting) => {
    if (isRerouted(http)) return byFetch(path, posting);
    const about = { url: base + path, agent: agentNow(), headers, posting };
    return new Promise((settle, fail) => post(http, { ...about, settle, fail }));
  };
}

/** Where undici's `setGlobalDispatcher` stores the dispatcher of Node's `fetch`. */
const DISPATCHERS = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')];

/**
 * Whether requests to this URL take the route that they would take in another thread: a proxy or a dispatcher that the
 * program has set exists in its own thread only.
 */
export function isUsualRoute(url: string | undefined): boolean {
  const http = hostModule<NodeHttp>(url?.startsWith('https:') ? 'node:https' : 'node:http');
  return http !== null && http.globalAgent?.options?.proxyEnv === undefined && !isRerouted(http);
}

/** Whether `fetch` uses a dispatcher other than Node's own, such as a proxy or a mock. */
function isRerouted(http: NodeHttp): boolean {
  const own = ['Agent', http.globalAgent?.options?.proxyEnv && 'EnvHttpProxyAgent'];
  return DISPATCHERS.some((symbol) => {
    const dispatcher = (globalThis as { [name: symbol]: object | undefined })[symbol];
    return dispatcher !== undefined && !own.includes(dispatcher.constructor.name);
  });
}

/** Returns an agent with the proxies that Node uses at the time, so that requests take the route of `fetch`. */
function agentOf(http: NodeHttp): () => object {
  let agent: object | null = null;
  let madeFor: object | undefined;
  return () => {
    const proxyEnv = http.globalAgent?.options?.proxyEnv;
    if (agent === null || proxyEnv !== madeFor) {
      agent = new http.Agent({ keepAlive: true, ...(proxyEnv && { proxyEnv }) });
      madeFor = proxyEnv;
    }
    return agent;
  };
}

interface Exchange {
  readonly url: string;
  readonly agent: object;
  readonly headers: Readonly<Record<string, string>>;
  readonly posting: PostRequest;
  readonly settle: (answer: Answer) => void;
  readonly fail: (error: KitError) => void;
}

function post(http: NodeHttp, exchange: Exchange): void {
  const { url, agent, posting } = exchange;
  const { body, signal, timeoutMs } = posting;
  if (signal.aborted) {
    exchange.fail(callError(signal.reason, { aborted: true, timedOut: false }));
    return;
  }
  const headers = { ...posting.headers, ...exchange.headers, 'content-length': String(body.length) };
  const end = (cause: unknown, timedOut = false) => {
    callOff();
    signal.removeEventListener('abort', abort);
    request.destroy();
    exchange.fail(callError(cause, { aborted: signal.aborted, timedOut }));
  };
  const abort = () => end(signal.reason);
  const request = http.request(url, { method: 'POST', agent, headers }, (message) => {
    read(message, end, (answer) => {
      callOff();
      signal.removeEventListener('abort', abort);
      exchange.settle(answer);
    });
  });
  const callOff = unrefTimeout(timeoutMs, () => end(undefined, true));
  request.on('error', end);
  signal.addEventListener('abort', abort);
  request.end(body);
}

function read(message: Message, fail: (cause: unknown) => void, settle: (answer: Answer) => void): void {
  const chunks: Uint8Array[] = [];
  let length = 0;
  message.on('error', fail);
  message.on('data', (chunk) => {
    chunks.push(chunk);
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX)
      fail(new KitError('ANSWER_NOT_OURS', 'the response is larger than the kit ever sends'));
  });
  message.on('end', () => {
    const header = (name: string) => String(message.headers[name] ?? '') || null;
    settle({ status: message.statusCode, header, text: textOf(chunks, length) });
  });
}

/** Decodes all chunks together, which avoids copying the text. */
function textOf(chunks: readonly Uint8Array[], length: number): string {
  const [first] = chunks;
  if (chunks.length === 1 && first !== undefined) return utf8Text(first);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return utf8Text(bytes);
}
