import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eventText, fileOf, type Kit, openKit } from './support/kit.ts';
import { runPik } from './support/run-pik.ts';

let kit: Kit;
const dir = mkdtempSync(join(tmpdir(), 'pik-receipts-'));

beforeAll(async () => {
  kit = await openKit();
  for (const key of ['lost', 'kept'])
    await runPik('ingest', fileOf(eventText({ idempotency_key: key, entity_id: key })), '--url', kit.url);
});
afterAll(async () => {
  await kit.close();
  rmSync(dir, { recursive: true });
});

describe.each([
  ['export', [join(dir, 'out.parquet'), '--parquet']],
  ['reconcile', [fileOf('kept\n', 'ids.txt')]],
  ['sql', ['SELECT count(*) FROM receipts']],
])('pik %s', (name, args) => {
  it('sends the time zone, and names each pack that it could not read', async () => {
    const [lost = ''] = [...kit.backend.packs.keys()].sort();
    const bytes = kit.backend.packs.get(lost) as Uint8Array;
    kit.backend.packs.delete(lost);
    const zones: (string | null)[] = [];
    kit.intercept = ({ url }) => {
      zones.push(new URL(url).searchParams.get('time_zone'));
      return null;
    };
    const range = ['--from', '2020-01-01', '--time-zone', 'America/New_York'];
    const { stderr } = await runPik(name, ...args, ...range, '--url', kit.url);
    kit.backend.packs.set(lost, bytes);
    expect(stderr).toBe(`note: the pack ${lost} was not searched: RAW_MISSING\n`);
    expect([...new Set(zones)]).toEqual(['America/New_York']);
  });
});
