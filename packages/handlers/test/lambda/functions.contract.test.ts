import { afterAll, beforeAll } from 'vitest';

import { describeHttpContract } from '../../src/testing/http-contract.ts';
import { createMemoryBackend } from '../../src/testing/memory-backend.ts';
import { captureLines, keyOf, setupOver } from '../support/functions.ts';
import { openGateway } from '../support/gateway.ts';

// The functions behind the API answer as the served process does: event in, result out, within the limits of both.

let captured: ReturnType<typeof captureLines>;
beforeAll(() => {
  captured = captureLines();
});
afterAll(() => captured.stop());

describeHttpContract('the functions behind the API, over a backend in memory', async () => {
  const backend = createMemoryBackend({ now: Date.now });
  const gateway = await openGateway(setupOver(backend));
  return { baseUrl: 'https://api.test', fetch: gateway.fetch, key: keyOf, close: () => backend.close() };
});
