import { KitError, LIMITS } from '@pik/schema';

import type { Pipeline, QuestionOptions, WorkOptions, WorkResult } from '../api/pipeline.ts';
import type { Answer, Readers } from '../http/call.ts';
import type { Backend } from '../ports/backend.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { goneError } from '../runtime/budget.ts';
import { createFlag, setFlag } from './flag.ts';
import { createReaderPool, type Job, type ReaderPool } from './reader-pool.ts';
import { startReaderThread } from './reader-thread.ts';
import { doWrite } from './remote-writes.ts';
import { type AnswerSettings, settingsText } from './settings.ts';

/** How reader threads are opened. */
export interface ReadersOptions {
  /** The number of threads. */
  readonly threads: number;
  /** The module of a thread, which calls `runReader` with the data directory and the settings of this process. */
  readonly module: URL;
  /** Data for that module, which finds it in `workerData`. */
  readonly data?: object | undefined;
  /** The settings of this process. */
  readonly settings: AnswerSettings;
  /** The pipeline that ingests. */
  readonly pipeline: Pick<Pipeline, 'questionFacts' | 'work'>;
  /** The backend of that pipeline, which does the writes of the threads. */
  readonly backend: Backend;
  readonly telemetry: Telemetry;
  /** The heap of a thread in bytes, beyond which it ends and is replaced. Default: `LIMITS`. */
  readonly heapBytesMax?: number | undefined;
}

/** Lasting threads that answer questions. */
export interface ReaderThreads extends Readers {
  /** Takes one message from the queue and processes it, on a thread if one can. For `startWorker`. */
  work(options?: WorkOptions): Promise<WorkResult>;
  /** Ends the threads. Running questions are given up, with `SHUTTING_DOWN`. */
  close(): Promise<void>;
}

/** Milliseconds between two checks whether a worker is stopping. */
const STOPPING_MS = 50;

/**
 * Opens reader threads, and waits until each can answer. A thread that ends is replaced, and its questions reject with
 * `READER_LOST`. A thread that has loaded other settings than this process is not used.
 *
 * @example
 * import { createPipeline, silentTelemetry as telemetry } from '@pik/engine';
 * import { openLocalBackend, openReaders } from '@pik/engine/local';
 *
 * const backend = await openLocalBackend({ dir: '.pik', isShared: true });
 * const pipeline = createPipeline({ backend, telemetry });
 * const module = new URL('reader.ts', import.meta.url); // calls runReader
 * const readers = await openReaders({ threads: 2, module, settings: {}, pipeline, backend, telemetry });
 *
 * @throws KitError `READER_LOST` if a thread ends at its start; its cause says why.
 */
export async function openReaders(options: ReadersOptions): Promise<ReaderThreads> {
  const { pipeline, backend, telemetry, settings, module, data = {} } = options;
  const { heapBytesMax = LIMITS.reader_heap_bytes_max } = options;
  const pool = createReaderPool({
    threads: options.threads,
    start: () =>
      startReaderThread({ module, data, heapBytesMax, telemetry, write: (write) => doWrite(backend, write) }),
    settings: settingsText(settings),
    telemetry,
  });
  try {
    await pool.ready;
  } catch (error) {
    await pool.close();
    throw error;
  }
  let isClosing = false;
  return {
    get isUsable() {
      return pool.isUsable;
    },
    async ask(question, { signal, timeMs = Number.POSITIVE_INFINITY }) {
      const limitMs = Math.min(timeMs, settings.questions?.timeMs ?? LIMITS.question_ms_max);
      const facts = await pipeline.questionFacts();
      try {
        return await askPool(pool, { question, facts, timeMs: limitMs, goneFlag: createFlag() }, signal);
      } catch (error) {
        if (!KitError.is(error) || error.code !== 'CLIENT_GONE') throw error;
        if (signal?.aborted === true) throw goneError(signal);
        throw isClosing ? new KitError('SHUTTING_DOWN', undefined, { cause: error }) : error;
      }
    },
    async work(given = {}) {
      if (!pool.isUsable) return pipeline.work(given);
      const { isStopping = () => false, ...options } = given;
      const stoppingFlag = createFlag();
      // The thread cannot call the function.
      const watch = setInterval(() => isStopping() && setFlag(stoppingFlag), STOPPING_MS);
      try {
        return await pool.work({ facts: await pipeline.questionFacts(), options, stoppingFlag });
      } finally {
        clearInterval(watch);
      }
    },
    close() {
      isClosing = true;
      return pool.close();
    },
  };
}

/** Asks a question, and withdraws it when the signal says that nobody waits. */
async function askPool(pool: ReaderPool, asked: Job['asked'], signal: QuestionOptions['signal']): Promise<Answer> {
  if (signal?.aborted === true) throw new KitError('CLIENT_GONE');
  const answered = Promise.withResolvers<Answer>();
  const job: Job = { asked, askedMs: performance.now(), ...answered };
  const leave = () => {
    setFlag(asked.goneFlag);
    if (pool.remove(job)) job.reject(new KitError('CLIENT_GONE'));
  };
  // It stays: the body of a streamed answer is computed after the answer has begun.
  if (signal instanceof AbortSignal) signal.addEventListener('abort', leave, { once: true });
  pool.add(job);
  return answered.promise;
}
