import { KitError, LIMITS } from '@pik/schema';

import type { WorkResult } from '../api/pipeline.ts';
import type { Answer } from '../http/call.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { ReaderThread, ThreadQuestion, ThreadWork } from './reader-thread.ts';

/** A question that waits for a thread. */
export interface Job {
  readonly asked: ThreadQuestion;
  readonly askedMs: number;
  readonly resolve: (answer: Promise<Answer>) => void;
  readonly reject: (error: Error) => void;
}

/** Keeps a number of threads running, and hands questions to them. */
export interface ReaderPool {
  /** Resolves when every thread can answer; rejects if one ends before. */
  readonly ready: Promise<unknown>;
  /** False once a thread has loaded another config and no earlier thread is left. */
  readonly isUsable: boolean;
  add(job: Job): void;
  /** Lets a thread take a message from the queue. Rejects with `READER_LOST` if there is no thread at the moment. */
  work(work: ThreadWork): Promise<WorkResult>;
  /** Takes back a question that still waits; false if a thread has it. */
  remove(job: Job): boolean;
  close(): Promise<void>;
}

/** How threads are started. */
export interface PoolOptions {
  readonly threads: number;
  readonly start: () => ReaderThread;
  /** The settings by which every thread must answer. */
  readonly settings: string;
  readonly telemetry: Telemetry;
}

/** Milliseconds before another try to start a thread that ended at its start. */
const RESTART_MS = 1_000;

/** Starts the threads of a pool. A thread that ends is replaced. */
export function createReaderPool(options: PoolOptions): ReaderPool {
  const { telemetry } = options;
  const threads = new Set<ReaderThread>();
  const usable = new Set<ReaderThread>();
  const waiting: Job[] = [];
  const restarts = createRestarts(() => start());
  let isClosing = false;
  let isSame = true;

  const start = async (): Promise<void> => {
    const thread = options.start();
    threads.add(thread);
    void thread.ended.then((lost) => replace(thread, lost));
    if ((await thread.ready) === options.settings) {
      usable.add(thread);
      handOut(waiting, usable);
    } else {
      isSame = false;
      telemetry.log('error', 'reader_config_differs', { text: CONFIG_DIFFERS });
      thread.stop();
    }
  };
  const replace = (thread: ReaderThread, lost: KitError): void => {
    const wasUsable = usable.delete(thread);
    threads.delete(thread);
    if (isClosing) return;
    // Questions must not wait for a thread that cannot be started.
    if (usable.size === 0 && !wasUsable) rejectAll(waiting, lost);
    if (!isSame) return;
    telemetry.count('ReaderLostCount', 1);
    telemetry.log('error', 'reader_lost', { error: String(lost.cause ?? lost) });
    restarts.in(wasUsable ? 0 : RESTART_MS);
  };
  return {
    ready: Promise.all(Array.from({ length: options.threads }, start)),
    get isUsable() {
      return isSame || usable.size > 0;
    },
    add(job) {
      if (isClosing) return job.reject(new KitError('SHUTTING_DOWN'));
      waiting.push(job);
      handOut(waiting, usable);
    },
    async work(work) {
      const thread = leastBusy(usable, Number.POSITIVE_INFINITY);
      if (thread === null) throw new KitError('READER_LOST');
      return thread.work(work);
    },
    remove(job) {
      const place = waiting.indexOf(job);
      return place !== -1 && waiting.splice(place, 1).length === 1;
    },
    async close() {
      isClosing = true;
      restarts.cancel();
      rejectAll(waiting, new KitError('SHUTTING_DOWN'));
      const all = [...threads];
      for (const thread of all) thread.stop();
      await Promise.all(all.map(({ ended }) => ended));
    },
  };
}

/** Gives waiting questions to the threads that have room for them, and again whenever one has its answer. */
function handOut(waiting: Job[], usable: ReadonlySet<ReaderThread>): void {
  for (let thread = leastBusy(usable); thread !== null; thread = leastBusy(usable)) {
    const job = waiting.shift();
    if (job === undefined) return;
    const timeMs = Math.max(1, job.asked.timeMs - (performance.now() - job.askedMs));
    const answer = askThread(thread, { ...job.asked, timeMs });
    answer.catch(() => {}).finally(() => handOut(waiting, usable));
    job.resolve(answer);
  }
}

/** A question that cannot be passed to a thread rejects like any other failure. */
async function askThread(thread: ReaderThread, asked: ThreadQuestion): Promise<Answer> {
  return thread.ask(asked);
}

function rejectAll(waiting: Job[], error: KitError): void {
  for (const { reject } of waiting.splice(0)) reject(error);
}

/** Starts threads later. Their errors are known: a thread that ends before it is ready is replaced like any other. */
function createRestarts(start: () => Promise<void>) {
  const timers = new Set<NodeJS.Timeout>();
  return {
    in(ms: number): void {
      const timer = setTimeout(() => {
        timers.delete(timer);
        start().catch(() => {});
      }, ms);
      timers.add(timer);
    },
    cancel(): void {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

const CONFIG_DIFFERS =
  'a thread for questions has loaded another config than this process: restart the server to apply the change';

/** The usable thread with the fewest questions; null if each has as many as it may. */
function leastBusy(threads: ReadonlySet<ReaderThread>, max: number = LIMITS.reader_questions_max): ReaderThread | null {
  let best: ReaderThread | null = null;
  for (const thread of threads) if (best === null || thread.running < best.running) best = thread;
  return best === null || best.running >= max ? null : best;
}
