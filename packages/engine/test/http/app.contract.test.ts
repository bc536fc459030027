import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Scope } from '@pik/schema';
import { CONTRACT_AGGREGATES, CONTRACT_KEYS, CONTRACT_VOLATILE, describeHttpContract } from '@pik/testkit';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import { openLocalBackend } from '../../src/backends/local/open.ts';
import { createApp } from '../../src/http/create-app.ts';
import { createTelemetry } from '../../src/telemetry/create-telemetry.ts';

/** The key that has exactly these scopes. */
const keyOf = (scopes: readonly Scope[]) => `pik_${scopes.join('_')}`;

describeHttpContract('the app over files and SQLite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'pik-http-'));
  const telemetry = createTelemetry({ write() {} });
  const backend = await openLocalBackend({ dir });
  const pipeline = createPipeline({ backend, telemetry, aggregates: CONTRACT_AGGREGATES, volatile: CONTRACT_VOLATILE });
  const apiKeys = CONTRACT_KEYS.map((scopes) => ({
    name: scopes.join('.'),
    key_sha256: createHash('sha256').update(keyOf(scopes)).digest('hex'),
    scopes,
  }));
  const app = createApp({ pipeline, telemetry, apiKeys, metricsText: () => telemetry.metricsText() });
  return {
    baseUrl: 'http://pik.internal',
    fetch: app.fetch,
    key: keyOf,
    // No worker runs next to the app, so messages are processed here, without waits between deliveries.
    async work() {
      while ((await pipeline.work({ retryDelayMs: 0 })) !== 'IDLE');
    },
    async close() {
      await pipeline.close();
      rmSync(dir, { recursive: true });
    },
  };
});
