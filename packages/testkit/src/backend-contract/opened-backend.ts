import type { Backend } from '@pik/engine';
import type { TestClock } from '../memory-backend.ts';

/** A backend under test. */
export interface OpenedBackend {
  readonly backend: Backend;
  /** The clock of the backend. Only tests move it. */
  readonly clock: TestClock;
  /** Closes the backend and opens it again over the same storage. */
  readonly reopen: () => Promise<Backend>;
  /**
   * Resolves when the storage has seen as much time pass as the clock was just moved forward. For queues such as SQS and its
   * emulators, which hide messages by their own clock and in whole seconds: the tests then stay two seconds away from every
   * bound. A backend whose storage uses `clock` omits it, and is tested to the millisecond.
   */
  readonly settle?: (passedMs: number) => Promise<void>;
}
