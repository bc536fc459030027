import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { serve, temporaryDir } from './served.ts';
import { runPik } from './support/run-pik.ts';

const WHO = 'person-canary-5c1e';

async function filled(): Promise<string> {
  const dir = join(temporaryDir(), 'data');
  const server = await serve(dir);
  const event = (n: number) =>
    JSON.stringify({
      source: 's',
      event_type: 't',
      entity_id: n % 2 === 0 ? WHO : `e${n}`,
      event_time: '2026-01-01T00:00:00Z',
      payload: { n },
    });
  const file = join(temporaryDir(), 'events.ndjson');
  writeFileSync(file, `${[1, 2, 3, 4, 4].map(event).join('\n')}\n`);
  expect((await runPik('ingest', file, '--url', server.url)).code).toBe(0);
  server.child.kill('SIGTERM');
  await server.ended;
  return dir;
}

function isNamed(dir: string): boolean {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
    .some((bytes) => (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).includes(WHO));
}

describe('pik erase', () => {
  it('erases an entity under the root that was signed, and the export proves the rest', async () => {
    const dir = await filled();
    const [before, after] = [join(temporaryDir(), 'before'), join(temporaryDir(), 'after')];
    const exported = await runPik('log', 'export', '--data', dir, '--out', before, '--json');
    const { key } = JSON.parse(exported.stdout);
    const args = ['erase', '--data', dir, '--entity', WHO, '--reason', 'request 17'];
    expect(await runPik(...args, '--dry-run')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('3 receipts (2 ACCEPTED, 1 DUPLICATE)'),
    });
    expect(await runPik(...args)).toMatchObject({ code: 1, stdout: expect.stringContaining('add --yes') });
    expect(isNamed(dir)).toBe(true);
    const { code, stdout, stderr } = await runPik(...args, '--yes');
    expect([code, stdout]).toEqual([0, expect.stringContaining('Erased 3 receipts')]);
    const [, salt] = /^The erasure \S+ begins; its salt is (\S+)\n$/.exec(stderr) ?? [];
    expect(stdout).toContain(`stored nowhere: ${salt}`);
    expect(isNamed(dir)).toBe(false);
    expect(await runPik('erase', '--data', dir, '--list')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('request 17'),
    });
    expect((await runPik('log', 'export', '--data', dir, '--out', after)).code).toBe(0);
    const pin = join(before, 'checkpoint');
    expect(await runPik('verify', '--offline', after, '--key', key, '--pin', pin)).toMatchObject({ code: 0 });
    const server = await serve(dir);
    expect(await runPik('verify', '--url', server.url)).toMatchObject({ code: 0 });
    expect(await runPik('events', '--entity', WHO, '--url', server.url)).toMatchObject({ code: 1 });
    server.child.kill('SIGTERM');
    await server.ended;
    expect(existsSync(join(dir, 'erasures'))).toBe(true);
  });

  it('refuses a reason that names the entity, and a directory that a server owns', async () => {
    const dir = await filled();
    const args = ['erase', '--data', dir, '--entity', WHO, '--yes', '--reason'];
    expect(await runPik(...args, `it is ${WHO}`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('REQUEST_INVALID'),
    });
    const server = await serve(dir);
    expect(await runPik(...args, 'asked for')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('DATA_DIR_LOCKED'),
    });
    server.child.kill('SIGTERM');
    await server.ended;
  });
});
