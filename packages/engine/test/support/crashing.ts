import { KitError } from '@pik/schema';
import { Crash, createFaultyBackend, type Fault, type FaultyBackend } from '@pik/testkit';
import { expect } from 'vitest';
import type { Backend } from '../../src/ports/backend.ts';

/** A process that may crash, over a backend that outlives it. */
export interface CrashingProcess<T> {
  /** The instance running in the process; each crash replaces it. */
  readonly running: T;
  /** Port calls of all its lives. */
  readonly calls: number;
  /** Starts a new process after a crash; the remaining faults come at its later calls. */
  recover(): Promise<void>;
  /** Repeats a call until it succeeds, as a client does, and restarts the process after each crash. */
  untilDone<R>(work: (running: T) => Promise<R>): Promise<R>;
}

/** Starts a process whose port calls fail as planned; each restart calls `onStart` first. */
export function createProcess<T>(
  durable: Backend,
  faults: readonly Fault[],
  { start, onStart = async () => {} }: { start: (backend: Backend) => T; onStart?: (running: T) => Promise<unknown> },
): CrashingProcess<T> {
  let backend: FaultyBackend = createFaultyBackend(durable, faults);
  let running = start(backend);
  let passed = 0;
  const process: CrashingProcess<T> = {
    get running() {
      return running;
    },
    get calls() {
      return passed + backend.calls;
    },
    async recover() {
      if (!backend.crashed) return;
      passed += backend.calls;
      const left = faults.map(({ call, kind }) => ({ call: call - passed, kind }));
      backend = createFaultyBackend(durable, left);
      running = start(backend);
      await onStart(running).catch(() => undefined);
      await process.recover();
    },
    async untilDone(work) {
      for (;;) {
        try {
          return await work(running);
        } catch (error) {
          // An error that is neither a crash nor marked as retryable is a bug of the kit.
          if (!(error instanceof Crash)) expect(error).toSatisfy(isRetryable);
          await process.recover();
        }
      }
    },
  };
  return process;
}

function isRetryable(error: unknown): boolean {
  return KitError.is(error) && error.retryable;
}
