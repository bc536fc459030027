import { KitError } from '@pik/schema';
import { Crash, createFaultyBackend, type Fault, type FaultyBackend } from '@pik/testkit';
import { expect } from 'vitest';
import type { Backend } from '../../src/ports/backend.ts';

/** A process that may die, over a backend that lasts. */
export interface CrashingProcess<T> {
  /** What runs in the process now: made anew after each crash. */
  readonly running: T;
  /** Port calls of all its lives. */
  readonly calls: number;
  /** After a crash: a new process, for which the faults that are left come at their later calls. */
  recover(): Promise<void>;
  /** Does something until it succeeds, as a client repeats it and a process is started again. */
  untilDone<R>(work: (running: T) => Promise<R>): Promise<R>;
}

/** Starts a process whose port calls go wrong as planned; `onStart` is what each later life does first. */
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
          // What is neither a crash nor said to be worth a repeat is a fault of the kit.
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
