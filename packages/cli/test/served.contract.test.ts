import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { SCOPES, type Scope } from '@pik/schema';

import { describeHttpContract } from '../../handlers/src/testing/http-contract.ts';
import { serve, temporaryDir } from './served.ts';

/** The key that has exactly these scopes. */
const keyOf = (scopes: readonly Scope[]) => `pik_${scopes.join('_')}`;

describeHttpContract('a served process', async () => {
  const dir = temporaryDir();
  const apiKeys = [[...SCOPES], ...SCOPES.map((scope) => [scope])].map((scopes) => ({
    name: scopes.join('.'),
    key_sha256: createHash('sha256').update(keyOf(scopes)).digest('hex'),
    scopes,
  }));
  const config = join(dir, 'pik.config.ts');
  writeFileSync(config, `export default { apiKeys: ${JSON.stringify(apiKeys)} };\n`);
  const server = await serve(join(dir, 'data'), ['--config', config]);
  return {
    baseUrl: server.url,
    fetch: (request) => fetch(request),
    key: keyOf,
    async close() {
      server.child.kill('SIGTERM');
      await server.ended;
    },
  };
});
