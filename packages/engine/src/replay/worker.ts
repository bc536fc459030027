import type { Pipeline, WorkOptions } from '../api/pipeline.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** How a worker takes messages. */
export interface WorkerOptions extends Omit<WorkOptions, 'isStopping'> {
  readonly telemetry: Telemetry;
  /** Wait before an empty queue is looked at again. Default 100 ms. */
  readonly idleMs?: number | undefined;
}

/** Processes the messages of the queue, one after the other, until it is stopped. */
export interface Worker {
  /** Begins nothing more; resolves when the windows in work are done. A message of which some are left is given back. */
  stop(): Promise<void>;
}

/** Wait before a store that failed is tried again. */
const BROKEN_MS = 1_000;

/** Starts a worker in this process. Messages that no worker takes stay in the queue, for this one or for others. */
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
