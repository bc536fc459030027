import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Webhook } from 'standardwebhooks';
import { expect, it } from 'vitest';

import { serve, temporaryDir } from '../served.ts';

// The library of Standard Webhooks as the sender of deliveries to a served kit.

it('takes deliveries that the library of Standard Webhooks has signed, and refuses changed and old ones', async () => {
  const dir = temporaryDir();
  const secret = `whsec_${Buffer.from('a secret of twenty-four b').toString('base64')}`;
  const config = join(dir, 'pik.config.ts');
  const hooks = { billing: { version: 1, signature: { scheme: 'standard', secrets_env: ['PIK_TEST_HOOK_SECRET'] } } };
  writeFileSync(config, `export default { doors: { hooks: ${JSON.stringify(hooks)} } };\n`);
  const server = await serve(join(dir, 'data'), ['--config', config], { PIK_TEST_HOOK_SECRET: secret });
  const body = '{"type":"invoice.paid","timestamp":"2026-01-30T10:00:00Z","data":{"id":"in_1","total":1.10}}';
  const deliver = async (at: Date, sent = body) => {
    const headers = {
      ...{ 'webhook-id': 'msg_1', 'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)) },
      ...{ 'webhook-signature': new Webhook(secret).sign('msg_1', at, body), 'content-type': 'application/json' },
    };
    const response = await fetch(`${server.url}/hooks/billing`, { method: 'POST', body: sent, headers });
    const { status, code } = await response.json();
    return code ?? status;
  };
  expect(await deliver(new Date())).toBe('ACCEPTED');
  expect(await deliver(new Date())).toBe('DUPLICATE');
  expect(await deliver(new Date(), body.replace('1.10', '9.10'))).toBe('SIGNATURE_INVALID');
  expect(await deliver(new Date(Date.now() - 3_600_000))).toBe('SIGNATURE_EXPIRED');
  server.child.kill('SIGTERM');
  await server.ended;
  rmSync(dir, { recursive: true });
});
