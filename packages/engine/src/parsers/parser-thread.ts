import type { KitError } from '@pik/schema';

import { fromColumns } from '../ingest/rules/light-columns.ts';
import type { ParsedRequest, ParseOrder } from '../ingest/rules/parsed-request.ts';
import { fromErrorMessage } from '../threads/error-message.ts';
import { startThread } from '../threads/own-thread.ts';
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

/** Starts a thread that parses. */
export function startParserThread({ module, data, setup, heapBytesMax }: ParserOptions): ParserThread {
  const waiting = new Map<number, PromiseWithResolvers<ParsedRequest>>();
  let lastId = 0;
  const receive = (message: FromParser) => {
    if (message.type === 'ready') return begin();
    const one = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.type === 'failed') return one?.reject(fromErrorMessage(message.error));
    const { columns, lines, single, unreadable } = message.request;
    one?.resolve({ records: fromColumns(columns), lines, single, unreadable });
  };
  const { ready, ended, begin, post } = startThread<FromParser, ToParser>({
    ...{ name: 'pik-parser', module, heapBytesMax, lostCode: 'PARSER_LOST' },
    data: { ...data, ...setup },
    onMessage: receive,
    onLost(lost) {
      for (const { reject } of waiting.values()) reject(lost);
      waiting.clear();
    },
  });
  return {
    ready,
    ended,
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
