import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import type { Scope } from '@pik/schema';

import { CONTRACT_KEYS, describeHttpContract } from '@pik/testkit';
import { serveWithThreads, temporaryDir } from './served.ts';

/** The key that has exactly these scopes. */
const keyOf = (scopes: readonly Scope[]) => `pik_${scopes.join('_')}`;

/** The contract's declarations as a config file: the process does not share modules with this one. */
const CONTRACT = join(import.meta.dirname, '../../testkit/src/http-contract');

describeHttpContract('a served process', async () => {
  const dir = temporaryDir();
  const apiKeys = CONTRACT_KEYS.map((scopes) => ({
    name: scopes.join('.'),
    key_sha256: createHash('sha256').update(keyOf(scopes)).digest('hex'),
    scopes,
  }));
  const config = join(dir, 'pik.config.ts');
  writeFileSync(
    config,
    `import { CONTRACT_AGGREGATES as aggregates } from ${JSON.stringify(join(CONTRACT, 'contract-aggregates.ts'))};
     import { CONTRACT_VOLATILE as volatile } from ${JSON.stringify(join(CONTRACT, 'contract-volatile.ts'))};
     export default { aggregates, volatile, apiKeys: ${JSON.stringify(apiKeys)} };\n`,
  );
  const server = await serveWithThreads(join(dir, 'data'), ['--config', config]);
  return {
    baseUrl: server.url,
    fetch: (request) => fetch(request),
    key: keyOf,
    // The server's worker processes the messages.
    work: () => setTimeout(50),
    async close() {
      server.child.kill('SIGTERM');
      await server.ended;
    },
  };
});
