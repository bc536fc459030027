// Adds the matchers to vitest: `import '@pik/sdk/vitest'` in a test, or in a setup file.
import { expect } from 'vitest';

import type { CollectedEvent } from './testing/collecting-producer.ts';
import { producerMatchers } from './testing/matchers.ts';

/** What `expect` can say of a producer of `createCollectingProducer`. */
export interface ProducerMatchers<R = unknown> {
  /** At least one such event was emitted: any, or of this type, with at least this in its payload and its other fields. */
  toHaveEmitted(event_type?: string, payload?: object, fields?: Partial<CollectedEvent>): R;
  /** So many events of this type were emitted. */
  toHaveEmittedTimes(event_type: string, count: number): R;
  /** At least one emit was refused, with this code where one is named. */
  toHaveRefused(code?: string): R;
}

declare module 'vitest' {
  // The parameters must be those of the interface that this adds to.
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> extends ProducerMatchers<R> {}
}

expect.extend(producerMatchers as never);
