// The audit of a server that is killed while it answers: what a caller has seen is in it.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditRecord } from '@pik/schema';
import { kills } from '@pik/testkit/budget';
import { expect, it, vi } from 'vitest';

import { serve, temporaryDir } from './served.ts';
import { runPik } from './support/run-pik.ts';

const KEY = 'key-of-alice';
const HEADERS = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
/** Answers of each kind that a caller waits for before the kill, so that some requests are always on their way. */
const ANSWERS = 5;

it('G26: every answer that a caller has read, and every action that was answered, is in the audit after a kill', async () => {
  const dir = temporaryDir();
  const config = join(dir, 'pik.config.mjs');
  const alice = {
    name: 'laptop',
    owner: 'alice@shop.example',
    key_sha256: createHash('sha256').update(KEY).digest('hex'),
    scopes: ['investigate', 'operate', 'audit'],
  };
  const monitors = [{ name: 'quiet', kind: 'silence', source: 's1', after_ms: 3_600_000 }];
  writeFileSync(config, `export default ${JSON.stringify({ apiKeys: [alice], monitors })};\n`);
  const seen = { READ: new Set<string>(), ACTED: new Set<string>() };

  for (let kill = 0; kill < kills(50); kill++) {
    const server = await serve(join(dir, 'data'), ['--config', config]);
    const started = { READ: seen.READ.size, ACTED: seen.ACTED.size };
    const callers = Array.from({ length: 6 }, async (_, caller) => {
      const kind = caller % 2 === 0 ? 'READ' : 'ACTED';
      while (true) {
        const answer =
          kind === 'READ'
            ? await fetch(`${server.url}/reports/lag?source=s${caller}`, { headers: HEADERS })
            : await fetch(`${server.url}/monitors/quiet/mute`, {
                method: 'POST',
                headers: HEADERS,
                body: JSON.stringify({ minutes: 60, reason: 'a release' }),
              });
        await answer.arrayBuffer();
        expect([kind, answer.status]).toEqual([kind, 200]);
        seen[kind].add(answer.headers.get('x-request-id') ?? '');
        const isEnough = (['READ', 'ACTED'] as const).every((one) => seen[one].size >= started[one] + ANSWERS);
        if (isEnough) server.child.kill('SIGKILL');
      }
    });
    const ends = await Promise.allSettled(callers);
    expect(await server.ended).toBe('SIGKILL');
    // Each caller ended because its connection broke.
    for (const end of ends) expect(String(end.status === 'rejected' && end.reason)).toMatch(/TypeError/);
  }

  const server = await serve(join(dir, 'data'), ['--config', config]);
  vi.stubEnv('PIK_API_KEY', KEY);
  const listed = await runPik('audit', '--json', '--limit', '100000', '--url', server.url);
  vi.unstubAllEnvs();
  server.child.kill('SIGTERM');
  expect([listed.code, await server.ended]).toEqual([0, 0]);
  const records = JSON.parse(listed.stdout) as AuditRecord[];
  const idsOf = (kind: AuditRecord['kind']) =>
    new Set(records.filter((record) => record.kind === kind).map(({ request_id }) => request_id));
  expect([...seen.READ].filter((id) => !idsOf('READ').has(id))).toEqual([]);
  expect([...seen.ACTED].filter((id) => !idsOf('ACTED').has(id))).toEqual([]);
  // Each action that ended had begun; an interrupted one has begun only.
  expect([...idsOf('ACTED')].filter((id) => !idsOf('ACT').has(id))).toEqual([]);
  for (const { kind, owner, lost } of records) expect([kind, owner, lost]).toEqual([kind, alice.owner, 0]);
});
