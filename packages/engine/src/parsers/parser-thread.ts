import { Worker } from 'node:worker_threads';

import { KitError } from '@pik/schema';

import { fromColumns } from '../ingest/rules/light-columns.ts';
import type { ParsedRequest, ParseOrder } from '../ingest/rules/parsed-request.ts';
import { fromErrorMessage } from '../readers/error-message.ts';
import type { FromParser, ParserSetup, ToParser } from './messages.ts';

/** A running thread that parses. */
export interface ParserThread {
  /** Resolves when it can take requests; rejects with `PARSER_LOST` if it ends before. */
  readonly ready: Promise<void>;
  /** Resolves when the thread has ended, with the error that all of its requests then get. */
  readonly ended: Promise<KitError>;
  /** Requests that are not parsed yet. */
  readonly running: number;
  parse(order: ParseOrder): Promise<ParsedRequest>;
  /** Ends the thread after the requests that it has. */
  stop(): void;
}

/** How a thread is started. */
export interface ParserOptions {
  /** The module that calls `runParser`. */
  readonly module: URL;
  /** Data for that module, next to the settings. */
  readonly data: object;
  readonly setup: ParserSetup;
  readonly heapBytesMax: number;
}

/** A young generation as large as Node's default would add some 100 MB per thread. */
const YOUNG_MB_MAX = 24;
const BYTES_PER_MB = 1024 * 1024;

/** Starts a thread that parses. */
export function startParserThread({ module, data, setup, heapBytesMax }: ParserOptions): ParserThread {
  const worker = new Worker(module, {
    name: 'pik-parser',
    workerData: { ...data, ...setup },
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB_MAX, maxOldGenerationSizeMb: heapBytesMax / BYTES_PER_MB },
  });
  const post = (message: ToParser) => worker.postMessage(message);
  const waiting = new Map<number, PromiseWithResolvers<ParsedRequest>>();
  const ready = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<KitError>();
  // Nobody may be waiting for it when the thread ends.
  ready.promise.catch(() => {});
  let lastId = 0;
  let cause: unknown;
  worker.on('message', (message: FromParser) => {
    if (message.type === 'ready') return ready.resolve();
    const one = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.type === 'failed') return one?.reject(fromErrorMessage(message.error));
    const { columns, lines, single, unreadable } = message.request;
    one?.resolve({ records: fromColumns(columns), lines, single, unreadable });
  });
  worker.on('error', (error) => {
    cause = error;
  });
  worker.on('exit', () => {
    const lost = new KitError('PARSER_LOST', undefined, { cause });
    ready.reject(lost);
    for (const { reject } of waiting.values()) reject(lost);
    waiting.clear();
    ended.resolve(lost);
  });
  return {
    ready: ready.promise,
    ended: ended.promise,
    get running() {
      return waiting.size;
    },
    parse(order) {
      lastId += 1;
      const parsed = Promise.withResolvers<ParsedRequest>();
      waiting.set(lastId, parsed);
      post({ type: 'parse', id: lastId, order });
      return parsed.promise;
    },
    stop: () => post({ type: 'stop' }),
  };
}
