import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { serve, temporaryDir } from './served.ts';
import { runPik } from './support/run-pik.ts';

const event = (n: number) =>
  JSON.stringify({
    source: 's',
    event_type: 't',
    entity_id: `e${n}`,
    event_time: '2026-01-01T00:00:00Z',
    payload: { n },
  });

describe('the events of a server', () => {
  it('are exported, verified offline, and proven one by one', async () => {
    const [dir, out] = [join(temporaryDir(), 'data'), join(temporaryDir(), 'export')];
    const file = join(temporaryDir(), 'events.ndjson');
    writeFileSync(file, `${[1, 2, 3, 3].map(event).join('\n')}\n`);
    const server = await serve(dir);
    expect((await runPik('ingest', file, '--url', server.url)).code).toBe(0);
    // The server owns the directory, and has closed nothing yet.
    expect(await runPik('log', 'export', '--data', dir, '--out', out)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('LOG_UNSIGNED'),
    });
    server.child.kill('SIGTERM');
    await server.ended;
    const exported = await runPik('log', 'export', '--data', dir, '--out', out, '--json');
    expect(exported).toMatchObject({ code: 0, stderr: '' });
    const { key }: { key: string } = JSON.parse(exported.stdout);
    expect(await runPik('log', 'export', '--data', dir, '--out', out)).toMatchObject({ code: 2 });
    const verified = await runPik('verify', '--offline', out, '--key', key);
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('4 receipts in 1 hour checked')]);
    const again = await serve(dir);
    const { stdout } = await runPik('events', '--entity', 'e2', '--url', again.url, '--json');
    const [, id = ''] = /"event_id":"([^"]+)"/.exec(stdout) ?? [];
    const tar = join(temporaryDir(), 'case.tar');
    expect(await runPik('case', 'export', id, '--out', tar, '--url', again.url)).toMatchObject({ code: 0 });
    again.child.kill('SIGTERM');
    await again.ended;
    expect(await runPik('verify', '--case', tar, '--key', key)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('This line was in the log'),
    });
    expect(await runPik('verify', '--case', tar)).toMatchObject({ code: 12 });
    const bytes = readFileSync(tar);
    bytes.write('entity', bytes.indexOf('e2'));
    writeFileSync(tar, bytes);
    expect((await runPik('verify', '--case', tar, '--key', key)).code).toBe(1);
    // Damage, and wrong usage.
    const [pack = ''] = readdirSync(join(out, 'packs'));
    writeFileSync(join(out, 'packs', pack), 'x');
    expect((await runPik('verify', '--offline', out, '--key', key)).code).toBe(1);
    writeFileSync(join(out, 'more'), 'x');
    expect(await runPik('verify', '--offline', out)).toMatchObject({ code: 2 });
    expect(await runPik('verify', '--offline', out, '--key', 'no')).toMatchObject({ code: 2 });
    expect(await runPik('verify', '--offline', join(out, 'none'), '--key', key)).toMatchObject({ code: 3 });
  });

  it('are signed with another key after a rotation, which the key before leads to', async () => {
    const [dir, out] = [join(temporaryDir(), 'data'), join(temporaryDir(), 'export')];
    const server = await serve(dir);
    const file = join(temporaryDir(), 'events.ndjson');
    writeFileSync(file, event(1));
    await runPik('ingest', file, '--url', server.url);
    server.child.kill('SIGTERM');
    await server.ended;
    const before = JSON.parse((await runPik('log', 'export', '--data', dir, '--out', `${out}-1`, '--json')).stdout);
    const { key } = JSON.parse((await runPik('log', 'rotate', '--data', dir, '--json')).stdout);
    expect(key).not.toBe(before.key);
    await runPik('log', 'export', '--data', dir, '--out', `${out}-2`);
    for (const trusted of [before.key, key])
      expect((await runPik('verify', '--offline', `${out}-2`, '--key', trusted)).code).toBe(0);
    const pin = join(`${out}-2`, 'checkpoint');
    expect((await runPik('verify', '--offline', `${out}-1`, '--key', before.key, '--pin', pin)).code).toBe(13);
    expect(await runPik('log', 'replace-key', '--data', dir)).toMatchObject({ code: 3 });
    expect(await runPik('log', 'restore', '--data', dir, '--reason', 'r')).toMatchObject({ code: 2 });
  });
});
