import { afterAll, beforeAll } from 'vitest';

import { open as openProcessor } from '../../src/lambda/processor.ts';
import { CONTRACT_AGGREGATES } from '../../src/testing/http-contract/contract-aggregates.ts';
import { CONTRACT_VOLATILE } from '../../src/testing/http-contract/contract-volatile.ts';
import { describeHttpContract } from '../../src/testing/http-contract.ts';
import { createMemoryBackend } from '../../src/testing/memory-backend.ts';
import { captureLines, keyOf, setupOver } from '../support/functions.ts';
import { openGateway } from '../support/gateway.ts';
import { createMovingClock, handOver } from '../support/mapping.ts';

// The functions behind the API answer as the served process does: event in, result out, within the limits of both.

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
