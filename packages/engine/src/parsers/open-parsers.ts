import { type Doors, KitError, LIMITS, type VolatileDeclaration } from '@pik/schema';

import type { Parsers } from '../ingest/rules/parsed-request.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { type ParserThread, startParserThread } from './parser-thread.ts';

/** How threads that parse are opened. */
export interface ParsersOptions {
  /** The number of threads. */
  readonly threads: number;
  /** The module of a thread, which calls `runParser`. */
  readonly module: URL;
  /** Data for that module, which finds it in `workerData`. */
  readonly data?: object | undefined;
  /** The declarations of the pipeline that uses the threads. */
  readonly volatile?: readonly VolatileDeclaration[] | undefined;
  readonly doors?: Doors | undefined;
  readonly telemetry: Telemetry;
  /** The heap of a thread in bytes, beyond which it ends and is replaced. Default: `LIMITS`. */
  readonly heapBytesMax?: number | undefined;
}

/** Lasting threads that parse requests, for `PipelineOptions.parsers`. */
export interface ParserThreads extends Parsers {
  /** Resolves when all threads can take requests. Rejects with `PARSER_LOST` if one ends before; its cause says why. */
  readonly ready: Promise<void>;
  /** Ends the threads after the requests that they have. */
  close(): Promise<void>;
}

/** Milliseconds before another try to start a thread that ended at its start. */
const RESTART_MS = 1_000;

/**
 * Opens threads that parse requests. A thread that ends is replaced, and its requests reject with `PARSER_LOST`: nothing of
 * them was stored. While no thread is ready, the pipeline parses by itself.
 */
export function openParsers(options: ParsersOptions): ParserThreads {
  const { module, data = {}, volatile = [], doors = {}, telemetry } = options;
  const { heapBytesMax = LIMITS.parser_heap_bytes_max } = options;
  const threads = new Set<ParserThread>();
  const usable = new Set<ParserThread>();
  const timers = new Set<NodeJS.Timeout>();
  let isClosing = false;

  const start = async (): Promise<void> => {
    const thread = startParserThread({ module, data, setup: { volatile, doors }, heapBytesMax });
    threads.add(thread);
    void thread.ended.then((lost) => replace(thread, lost));
    await thread.ready;
    usable.add(thread);
  };
  const replace = (thread: ParserThread, lost: KitError): void => {
    threads.delete(thread);
    const wasUsable = usable.delete(thread);
    if (isClosing) return;
    telemetry.count('ReaderLostCount', 1);
    telemetry.log('error', 'parser_lost', { error: String(lost.cause ?? lost) });
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        // Its end is known: a thread that ends before it is ready is replaced like any other.
        start().catch(() => {});
      },
      wasUsable ? 0 : RESTART_MS,
    );
    timers.add(timer);
  };
  const ready = Promise.all(Array.from({ length: options.threads }, start)).then(() => {});
  // The caller need not wait for it.
  ready.catch(() => {});
  return {
    ready,
    get isUsable() {
      return usable.size > 0;
    },
    async parse(order) {
      return leastBusy(usable).parse(order);
    },
    async close() {
      isClosing = true;
      usable.clear();
      for (const timer of timers) clearTimeout(timer);
      const all = [...threads];
      for (const thread of all) thread.stop();
      await Promise.all(all.map(({ ended }) => ended));
    },
  };
}

/** The thread with the fewest requests. */
function leastBusy(threads: ReadonlySet<ParserThread>): ParserThread {
  const [first, ...others] = threads;
  if (first === undefined) throw new KitError('PARSER_LOST');
  return others.reduce((best, one) => (one.running < best.running ? one : best), first);
}
