// Adds the matchers to vitest: `import '@pik/sdk/vitest'` in a test or a setup file.
import { expect } from 'vitest';

import type { CollectedEvent } from './testing/collecting-producer.ts';
import { producerMatchers } from './testing/matchers.ts';

/** Matchers for a producer of `createCollectingProducer`. */
export interface ProducerMatchers<R = unknown> {
  /**
   * At least one such event was emitted: any, or of this type, with at least these members in its payload and these
   * other fields.
   */
  toHaveEmitted(event_type?: string, payload?: object, fields?: Partial<CollectedEvent>): R;
  /** Exactly `count` events of this type were emitted. */
  toHaveEmittedTimes(event_type: string, count: number): R;
  /** At least one emit was refused, with this code if given. */
  toHaveRefused(code?: string): R;
}

declare module 'vitest' {
  // The type parameters must match those of the extended interface.
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> extends ProducerMatchers<R> {}
}

expect.extend(producerMatchers as never);
