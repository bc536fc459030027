import type { Backend } from '@pik/engine';
import type { TestClock } from '../memory-backend.ts';

/** A backend under test. */
export interface OpenedBackend {
  readonly backend: Backend;
  /** The clock that the backend goes by. Nothing but a test moves it. */
  readonly clock: TestClock;
  /** Closes the backend and opens it again over the same storage. */
  readonly reopen: () => Promise<Backend>;
  /**
   * Resolves when as much time has passed for the storage as the clock was just moved on. For queues such as SQS and its
   * emulators, which hide a message by a clock of their own and in whole seconds: with it the tests keep two seconds away
   * from every bound. A backend whose storage goes by `clock` leaves it out, and is held to the millisecond.
   */
  readonly settle?: (passedMs: number) => Promise<void>;
}
