import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Checked } from '../src/profiles/check-key.ts';
import { fileOf, type Kit, openKit } from './support/kit.ts';
import { runPik } from './support/run-pik.ts';

const KEY = 'pik_never-shown-never-shown';

let kit: Kit;
async function examine(
  ...args: readonly string[]
): Promise<{ code: number; by: Record<string, Checked>; all: string }> {
  const { code, stdout, stderr } = await runPik('doctor', '--json', '--url', kit.url, ...args);
  const checks = JSON.parse(stdout) as Checked[];
  return { code, by: Object.fromEntries(checks.map((checked) => [checked.check, checked])), all: stdout + stderr };
}

beforeAll(async () => {
  kit = await openKit();
});
afterAll(() => kit.close());

describe('doctor', () => {
  it('finds nothing wrong with a server that is well, and leaves nothing behind', async () => {
    const { code, by } = await examine('--data', '/nowhere');
    expect(code).toBe(0);
    expect(by).toMatchObject({
      versions: { result: 'ok', text: expect.stringContaining(process.versions.node) },
      server: { result: 'ok', text: expect.stringMatching(/answers in .+: ok$/) },
      clock: { result: 'ok' },
      key: { result: 'ok', text: 'every caller, without a key, may investigate, ingest, import, replay, operate' },
      data: { result: 'skipped' },
      config: { result: 'skipped' },
    });
    expect(kit.backend.packs.size).toBe(0);
  });

  it.each([
    ['warning', 'ahead of', 90_000],
    ['warning', 'behind', -90_000],
    ['ok', 'agrees', 0],
  ])('clock: %s for a server whose clock is %s this machine by %d ms', async (result, words, byMs) => {
    kit.intercept = () =>
      Response.json({ status: 'ok' }, { headers: { date: new Date(Date.now() + byMs).toUTCString() } });
    try {
      const { clock } = (await examine()).by;
      expect(clock).toMatchObject({ result, text: expect.stringContaining(words) });
    } finally {
      kit.intercept = () => null;
    }
  });

  it('tells a key that the server does not know from one that may do less, and shows neither', async () => {
    for (const [status, only, result, text] of [
      [401, null, 'fault', 'the server does not accept the key of --api-key (401)'],
      [403, null, 'fault', 'the key of --api-key has none of the scopes investigate, ingest, import, replay, operate'],
      [403, '/ingest', 'ok', 'the key of --api-key may ingest'],
    ] as const) {
      kit.intercept = ({ url }) => {
        const { pathname } = new URL(url);
        if (pathname === '/healthz') return Response.json({ status: 'ok' });
        return Response.json({}, { status: pathname === only ? 400 : status });
      };
      const { by, code, all } = await examine('--api-key', KEY);
      expect([by.key, code]).toEqual([{ check: 'key', result, text }, result === 'ok' ? 0 : 1]);
      expect(all).not.toContain('never-shown');
    }
    kit.intercept = () => null;
  });

  it('names the reason if no server answers, or a sick one does', async () => {
    const gone = await openKit();
    await gone.close();
    const { code, stdout } = await runPik('doctor', '--json', '--url', gone.url);
    expect(code).toBe(1);
    expect(stdout).toMatch(/cannot be reached: .*ECONNREFUSED/);
    kit.intercept = () => Response.json({ code: 'STORAGE_FULL', detail: 'the disk is full' }, { status: 503 });
    const { by } = await examine();
    kit.intercept = () => null;
    expect(by.server).toMatchObject({
      result: 'fault',
      text: expect.stringContaining('503 STORAGE_FULL the disk is full'),
    });
  });

  it('looks at the data directory and the config file', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'pik-doctor-'));
    writeFileSync(join(dir, 'owner.json'), JSON.stringify({ pid: process.pid, since: '2026-01-01T00:00:00Z' }));
    const good = fileOf('export default { aggregates: [], apiKeys: [] };', 'pik.config.ts');
    const first = (await examine('--data', dir, '--config', good)).by;
    expect(first.data?.text).toContain(`open in process ${process.pid} since 2026-01-01`);
    expect(first.config).toMatchObject({ result: 'ok', text: `${good}: 0 metrics, 0 keys` });
    // A process that has ended; no system gives ids this large.
    writeFileSync(join(dir, 'owner.json'), JSON.stringify({ pid: 2 ** 30, since: '2026-01-01T00:00:00Z' }));
    const bad = fileOf('export default { aggregates: 7 };', 'bad.config.ts');
    const second = await examine('--data', dir, '--config', bad);
    expect(second.by.data?.text).toContain('not open');
    expect([second.code, second.by.config?.result]).toEqual([1, 'fault']);
  });
});
