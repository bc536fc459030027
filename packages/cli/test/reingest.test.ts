import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { eventText, fileOf, type Kit, openKit, receiptsOf } from './support/kit.ts';
import { runPik } from './support/run-pik.ts';

let kit: Kit;
beforeEach(async () => {
  kit = await openKit();
});
afterEach(() => kit.close());

const FIX = fileOf(
  `export default (text: string) => {
    const event = JSON.parse(text);
    return JSON.stringify({ ...event, event_time: new Date(Number(event.event_time)).toISOString() });
  };\n`,
  'fix.ts',
);
const badTime = (n: number, fields: object = {}) =>
  eventText({ entity_id: `belt-${n}`, event_time: String(1_770_000_000_000 + n), received_at: undefined, ...fields });

async function ingest(lines: readonly string[]): Promise<void> {
  const headers = { 'content-type': 'application/x-ndjson' };
  const answer = await fetch(`${kit.url}/ingest`, { method: 'POST', headers, body: lines.join('\n') });
  expect(answer.status).toBe(200);
}

async function mend(...options: string[]) {
  const ran = await runPik('reingest', ...options, '--json', '--url', kit.url);
  return { ...ran, json: ran.stdout === '' ? null : JSON.parse(ran.stdout) };
}

const SELECTED = ['--code', 'TIME_INVALID', '--source', 'depot', '--map', FIX];

describe('pik reingest --map', () => {
  it('predicts the outcome of all rejects of a code, sends nothing, then sends; each new receipt names its original', async () => {
    await ingest(Array.from({ length: 1_200 }, (_, n) => badTime(n)));
    await ingest([badTime(1, { source: 'other' }), eventText({ entity_id: '' }), 'not JSON']);
    const packs = kit.backend.packs.size;
    const reads = vi.spyOn(kit.backend.rawLog, 'read');
    const trial = await mend(...SELECTED, '--dry-run');
    expect([trial.code, trial.json]).toEqual([
      0,
      expect.objectContaining({ dry_run: true, found: 1_200, mended: 1_200, still_refused: 0, already_in: 0 }),
    ]);
    const [example] = trial.json.examples;
    expect(trial.json.examples).toHaveLength(3);
    expect([JSON.parse(example.before).event_time, JSON.parse(example.after).event_time]).toEqual([
      '1770000001199',
      '2026-02-02T02:40:01.199Z',
    ]);
    expect(kit.backend.packs.size).toBe(packs);
    // One request per page of the listing and one per part of the prediction, none per receipt.
    expect(reads.mock.calls.length).toBeLessThanOrEqual(6);
    const done = await mend(...SELECTED);
    expect([done.code, done.json.mended]).toEqual([0, 1_200]);
    const again = await mend(...SELECTED);
    expect([again.code, again.json]).toEqual([
      0,
      expect.objectContaining({ found: 1_200, mended: 0, already_in: 1_200 }),
    ]);
    expect(receiptsOf(kit.backend).filter(({ event_id }) => event_id !== null)).toHaveLength(1_200);
    expect((await runPik('verify', '--url', kit.url)).code).toBe(0);
    const [receipt] = receiptsOf(kit.backend).filter(({ reingest_of }) => reingest_of !== undefined);
    expect(receipt?.reingest_of).toEqual({
      pack_id: [...kit.backend.packs.keys()].sort()[0],
      line: expect.any(Number),
    });
  });

  it('continues after an interrupted run', async () => {
    await ingest(Array.from({ length: 1_100 }, (_, n) => badTime(n)));
    // The same bad records again, far from the first in the listing: they add no further events.
    await ingest(Array.from({ length: 7 }, (_, n) => badTime(n)));
    const trial = await mend(...SELECTED, '--dry-run');
    expect([trial.code, trial.json.mended, trial.json.already_in]).toEqual([0, 1_100, 7]);
    let sent = 0;
    kit.intercept = ({ method, url }) => {
      if (method !== 'POST' || url.includes('dry_run=true')) return null;
      sent += 1;
      return sent > 1 ? Response.json({}, { status: 403 }) : null;
    };
    const cut = await mend(...SELECTED);
    expect([cut.code, cut.json.mended]).toEqual([3, 500]);
    expect(cut.stderr).toMatch(/FORBIDDEN: .*500 receipts were mended before; run it again to continue/);
    kit.intercept = () => null;
    const rest = await mend(...SELECTED);
    expect([rest.code, rest.json.mended, rest.json.already_in]).toEqual([0, 600, 507]);
    expect(receiptsOf(kit.backend).filter(({ event_id }) => event_id !== null)).toHaveLength(1_100);
  });

  it('a receipt that cannot be mended stops no other, is listed with the reason, and leaves nothing new behind', async () => {
    const map = fileOf(
      `export default async (text, receipt) => {
        const event = JSON.parse(text);
        if (event.n === 1) return null;
        if (event.n === 2) throw new Error('no belt of that name');
        if (event.n === 3) return 7;
        if (event.n === 4) return '{\\n broken';
        if (event.n === 5) return { ...event, event_time: 'noon' };
        if (receipt.code !== 'TIME_INVALID' || receipt.bytes.length !== text.length) throw new Error('wrong');
        return { ...event, event_time: '2026-02-01T08:00:00Z', ...(event.n === 6 ? { idempotency_key: 'k' } : {}) };
      };\n`,
      'map.mjs',
    );
    await ingest([eventText({ idempotency_key: 'k', entity_id: 'belt-6', payload: { other: true } })]);
    await ingest(Array.from({ length: 8 }, (_, n) => badTime(n, { n })));
    // The same bad record twice is one event.
    await ingest([badTime(7, { n: 7 })]);
    const packs = kit.backend.packs.size;
    const options = ['--code', 'TIME_INVALID', '--map', map];
    const expected = { found: 9, mended: 2, already_in: 1, left: 1, map_failed: 2, still_refused: 2, conflicts: 1 };
    const trial = await mend(...options, '--dry-run');
    expect([trial.code, trial.json]).toEqual([1, expect.objectContaining(expected)]);
    expect(trial.json.refused).toHaveLength(3);
    expect((await mend(...options)).json).toMatchObject(expected);
    expect(kit.backend.packs.size).toBe(packs + 1);
    expect((await mend(...options)).json).toMatchObject({ ...expected, mended: 0, already_in: 3 });
    expect(kit.backend.packs.size).toBe(packs + 1);
    const shown = await runPik('reingest', ...options, '--dry-run', '--url', kit.url);
    expect(shown.stdout).toMatch(/9 rejected receipts; nothing was sent/);
    expect(shown.stdout).toMatch(/the map threw: no belt of that name|TIME_INVALID/);
  });

  it('imported receipts go back through an import, with the receive time that they claim', async () => {
    const lines = [1, 2].map((n) => badTime(n, { received_at: '2026-02-03T00:00:00Z' }));
    await runPik('import', fileOf(lines.join('\n')), '--url', kit.url);
    await runPik(
      'import',
      fileOf(`[${badTime(3, { received_at: '2026-02-03T00:00:00Z' }).replace('{', '{\n')}]`),
      '--url',
      kit.url,
    );
    const trial = await mend(...SELECTED, '--dry-run');
    expect(trial.json).toMatchObject({ found: 3, mended: 3 });
    expect((await mend(...SELECTED)).json).toMatchObject({ found: 3, mended: 3 });
    const taken = receiptsOf(kit.backend).filter(({ event_id }) => event_id !== null);
    expect(taken.map(({ imported }) => imported)).toEqual([true, true, true]);
    expect((await mend(...SELECTED)).json).toMatchObject({ found: 3, mended: 0, already_in: 3 });
  });

  it('sends receipts unchanged without a map; exits with 2 if nothing is selected and with 1 if nothing is found', async () => {
    await ingest([badTime(1)]);
    expect(await mend('--code', 'TIME_INVALID')).toMatchObject({ code: 1, json: { found: 1, still_refused: 1 } });
    expect(await mend('--code', 'FIELD_MISSING')).toMatchObject({ code: 1, json: { found: 0 } });
    expect((await mend()).code).toBe(2);
    expect((await mend('--code', 'TIME_INVALID', '--map', '/nowhere.ts')).code).toBe(2);
    expect((await mend('--code', 'TIME_INVALID', '--map', fileOf('export default {};', 'map.ts'))).code).toBe(2);
    expect((await mend('0/1', '--code', 'TIME_INVALID')).code).toBe(2);
  });

  it('rejects can be listed by their code', async () => {
    await ingest([badTime(1), 'not JSON', badTime(2)]);
    const listed = await runPik('rejects', '--code', 'JSON_SYNTAX', '--json', '--url', kit.url);
    expect(JSON.parse(listed.stdout)).toMatchObject([{ code: 'JSON_SYNTAX' }]);
  });

  it('an empty list of rejects names the options that filtered everything out', async () => {
    const said = async (...options: string[]) => (await runPik('rejects', ...options, '--url', kit.url)).stdout;
    expect(await said()).toBe('Nothing was rejected.\n');
    expect(await said('--code', 'JSON_SYNTAX')).toBe('Nothing was rejected, with or without these options.\n');
    await ingest([badTime(1)]);
    expect(await said('--code', 'JSON_SYNTAX')).toMatch(
      /^Nothing was rejected that matches --code JSON_SYNTAX\. Without it there is at least one reject: TIME_INVALID, received /,
    );
    expect(await said('--code', 'TIME_INVALID', '--source', 'dept')).toMatch(
      /that matches --code TIME_INVALID --source dept\. Without them/,
    );
  });
});
