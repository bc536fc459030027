import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { serve, temporaryDir } from './served.ts';
import { runPik } from './support/run-pik.ts';

async function filled(): Promise<string> {
  const dir = join(temporaryDir(), 'data');
  const server = await serve(dir);
  const event = (n: number) =>
    JSON.stringify({
      source: 's',
      event_type: 't',
      entity_id: `e${n}`,
      event_time: '2026-01-01T00:00:00Z',
      payload: { n },
    });
  const file = join(temporaryDir(), 'events.ndjson');
  writeFileSync(file, `${[1, 2, 3, 3].map(event).join('\n')}\n`);
  expect((await runPik('ingest', file, '--url', server.url)).code).toBe(0);
  server.child.kill('SIGTERM');
  await server.ended;
  return dir;
}

const filesIn = (dir: string) =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(gz|parquet|outcomes|seeds|packs)$/.test(name),
  );

describe('pik compact', () => {
  it('closes nothing before its hour is over, and with --all the running hour, once', async () => {
    const dir = await filled();
    expect(await runPik('compact', '--data', dir, '--json')).toMatchObject({ code: 0 });
    const all = await runPik('compact', '--all', '--data', dir, '--json');
    expect([all.code, JSON.parse(all.stdout)]).toEqual([
      0,
      expect.objectContaining({ hours_closed: 1, hours_waiting: 0, receipts: 4 }),
    ]);
    const kinds = filesIn(dir).map((name) => name.replace(/.*[.]/, ''));
    expect(new Set(kinds)).toEqual(new Set(['gz', 'parquet', 'outcomes', 'seeds', 'packs']));
    expect((await runPik('compact', '--all', '--data', dir)).stdout).toContain('No hour was due.');
  });

  it('exits with 1 if an hour stays open since a pack is damaged', async () => {
    const dir = await filled();
    const [pack = ''] = filesIn(dir);
    const path = join(dir, pack);
    const bytes = readFileSync(path);
    bytes[30] = (bytes[30] ?? 0) ^ 0xff;
    rmSync(path);
    writeFileSync(path, bytes);
    expect(await runPik('compact', '--all', '--data', dir)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('1 hour stays open'),
    });
  });

  it('is refused while a server owns the directory', async () => {
    const dir = join(temporaryDir(), 'data');
    const server = await serve(dir);
    const refused = await runPik('compact', '--data', dir);
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('DATA_DIR_LOCKED')]);
    server.child.kill('SIGTERM');
    await server.ended;
  });
});
