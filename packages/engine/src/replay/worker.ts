import type { Pipeline, WorkOptions } from '../api/pipeline.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** How a worker takes messages. */
export interface WorkerOptions extends Omit<WorkOptions, 'isStopping'> {
  readonly telemetry: Telemetry;
  /** Milliseconds between two polls of an empty queue. Default 100. */
  readonly idleMs?: number | undefined;
}

/** Processes the messages of the queue, one after another, until it is stopped. */
export interface Worker {
  /** Begins no further window; resolves when the current ones are done. A message with windows left goes back to the queue. */
  stop(): Promise<void>;
}

/** Milliseconds between two tries while a store fails. */
const BROKEN_MS = 1_000;

/**
 * Starts a worker in this process. Messages that no worker has received stay in the queue.
 *
 * @example
 * import { createPipeline, silentTelemetry, startWorker } from '@pik/engine';
 * import { openLocalBackend } from '@pik/engine/local';
 *
 * const pipeline = createPipeline({ backend: await openLocalBackend({ dir: '.pik' }) });
 * const worker = startWorker(pipeline, { telemetry: silentTelemetry });
 * process.once('SIGTERM', () => worker.stop().then(() => pipeline.close()));
 */
export function startWorker(pipeline: Pick<Pipeline, 'work'>, options: WorkerOptions): Worker {
  const { telemetry, idleMs = 100, ...rest } = options;
  let stopped = false;
  const workOptions: WorkOptions = { ...rest, isStopping: () => stopped };
  let wake: (() => void) | null = null;
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const run = async () => {
    while (!stopped) {
      try {
        if ((await pipeline.work(workOptions)) === 'IDLE' && !stopped) await pause(idleMs);
      } catch (error) {
        telemetry.log('error', 'worker_failed', { error: String(error) });
        if (!stopped) await pause(BROKEN_MS);
      }
    }
  };
  const running = run();
  return {
    stop() {
      stopped = true;
      wake?.();
      return running;
    },
  };
}
