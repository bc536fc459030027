// The suites of the producer once more, with all requests made by a thread.
import { afterAll, expect, vi } from 'vitest';
import { seen } from '../support/loopback-thread.ts';

vi.mock('../../src/producer/thread/thread-choice.ts', async (original) => {
  const { choice } = await import('../support/loopback-thread.ts');
  return { ...(await original<object>()), ...choice };
});
vi.mock('../../src/producer/thread/node-thread.ts', async () => {
  const { startLoopback } = await import('../support/loopback-thread.ts');
  return { startNodeThread: startLoopback };
});

await import('../producer.test.ts');
await import('../producer-bound.test.ts');
await import('../producer-catalog.test.ts');
await import('../producer-close.test.ts');
await import('../producer-failures.test.ts');
await import('../producer-outbox.test.ts');

afterAll(() => {
  expect(seen.posts).toBeGreaterThan(100);
});
