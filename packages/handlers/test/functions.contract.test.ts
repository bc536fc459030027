import { CONTRACT_AGGREGATES, CONTRACT_VOLATILE, createMemoryBackend, describeHttpContract } from '@pik/testkit';
import { captureLines, keyOf, setupOver } from '@pik/testkit/fixtures/functions/functions';
import { openGateway } from '@pik/testkit/fixtures/functions/gateway';
import { createMovingClock, handOver } from '@pik/testkit/fixtures/functions/mapping';
import { afterAll, beforeAll } from 'vitest';
import { open as openProcessor } from '../src/processor.ts';

// The functions behind the API answer like the served process, within the limits of events and results.

let captured: ReturnType<typeof captureLines>;
beforeAll(() => {
  captured = captureLines();
});
afterAll(() => captured.stop());

describeHttpContract('the functions behind the API, over a backend in memory', async () => {
  const clock = createMovingClock();
  const backend = { ...createMemoryBackend(clock), clock };
  const setup = setupOver(backend, {
    aggregates: CONTRACT_AGGREGATES,
    volatile: CONTRACT_VOLATILE,
    settleMs: 0,
    retryDelayMs: 1_000,
  });
  const gateway = await openGateway(setup, { now: () => clock.now() });
  const processor = await openProcessor(setup);
  return {
    baseUrl: 'https://api.test',
    fetch: gateway.fetch,
    key: keyOf,
    async work() {
      await handOver(backend, processor);
    },
    close: () => backend.close(),
  };
});
