import { gzipSync } from 'node:zlib';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { csvRows, delimiterOf } from '../../src/files/csv-rows.ts';
import { fileOf, type Kit, openKit, receiptsOf } from '../support/kit.ts';
import { runPik } from '../support/run-pik.ts';

let kit: Kit;
beforeAll(async () => {
  kit = await openKit();
});
afterAll(() => kit.close());
beforeEach(() => kit.backend.packs.clear());

const mapFile = (body: string) =>
  fileOf(`export default { name: 'orders', version: 2, map: ({ value, text, facts }) => { ${body} } };`, 'map.ts');
const fields = "source: 'shop', event_type: 'order.placed', received_at: '2026-01-30T11:00:00Z'";
const orders = mapFile(`const row = value(); if (row.id === 'skip') return null;
  return { ${fields}, entity_id: String(row.id), event_time: row.at };`);

const run = async (command: string, file: string, ...args: string[]) => {
  const ran = await runPik(command, file, '--url', kit.url, '--json', ...args);
  return { ...ran, json: ran.stdout === '' ? null : JSON.parse(ran.stdout) };
};
const bodies = () => receiptsOf(kit.backend).map(({ body }) => Buffer.from(body, 'latin1').toString());
const AT = '2026-01-30T10:00:00Z';

describe('pik import --map', () => {
  it('reads CSV: each row is kept as it is in the file, and its columns are the payload', async () => {
    const rows = [`e1,${AT},"a ""b"",\nc"`, `skip,${AT},x`, `e2,${AT},ü`];
    const { code, json } = await run(
      'import',
      fileOf(`\ufeffid,at,note\r\n${rows.join('\r\n')}\r\n`, 'a.csv'),
      '--map',
      orders,
    );
    expect([code, json.form, json.counts, json.left_out]).toEqual([0, 'csv', { ACCEPTED: 2 }, 1]);
    expect(bodies()).toEqual([rows[0], rows[2]]);
    const { stdout } = await runPik('events', '--entity', 'e1', '--url', kit.url, '--json');
    expect(stdout).toMatch(/shop.*order\.placed|order\.placed.*shop/s);
    const again = await run('import', fileOf(gzipSync(`id;at;note\ne3;${AT};1\n`), 'b.csv.gz'), '--map', orders);
    expect([again.code, again.json.counts]).toEqual([0, { ACCEPTED: 1 }]);
  });

  it('reads NDJSON and arrays of any form', async () => {
    const records = [`{"id": "n1", "at":"${AT}", "n": 1.10}`, `{"id":"n2","at":"${AT}"}`];
    expect((await run('import', fileOf(records.join('\n')), '--map', orders)).json.counts).toEqual({ ACCEPTED: 2 });
    expect(bodies()).toEqual(records);
    const array = await run('import', fileOf(`[${records.join(',\n')}]`), '--map', orders);
    expect([array.json.form, array.json.counts]).toEqual(['array', { DUPLICATE: 2 }]);
  });

  it('reads Parquet, with all digits of its integers', async () => {
    const columnData = [
      { name: 'id', data: ['p1', 'p2'], type: 'STRING' },
      { name: 'at', data: [new Date(AT), new Date(AT)], type: 'TIMESTAMP' },
      { name: 'big', data: [9_007_199_254_740_993n, 1n], type: 'INT64' },
    ] as const;
    const file = fileOf(
      new Uint8Array(parquetWriteBuffer({ columnData: columnData.map((one) => ({ ...one, data: [...one.data] })) })),
      'x',
    );
    const { code, json } = await run('import', file, '--map', orders);
    expect([code, json.form, json.counts]).toEqual([0, 'parquet', { ACCEPTED: 2 }]);
    expect(bodies()[0]).toBe('{"id":"p1","at":"2026-01-30T10:00:00.000Z","big":9007199254740993}');
  });

  it('keeps a row that the map cannot read as rejected, and names its place', async () => {
    const map = mapFile(
      `if (text.includes('bad')) throw new Error('no order'); return { ${fields}, entity_id: 'e', event_time: '${AT}' };`,
    );
    const { code, json } = await run('import', fileOf('id,n\nok,1\nbad,2\n', 'a.csv'), '--map', map);
    expect([code, json.counts]).toEqual([1, { ACCEPTED: 1, REJECTED: 1 }]);
    expect(json.rejected).toMatchObject([{ line: 3, code: 'FIELD_INVALID', detail: 'the map threw: no order' }]);
  });

  it('shows ten events with --dry-run, with the outcome of each, and sends nothing', async () => {
    const lines = Array.from({ length: 30 }, (_, i) => `d${i},${i === 3 ? 'yesterday' : AT}`);
    const file = fileOf(`id,at\nskip,x\n${lines.join('\n')}\n`, 'a.csv');
    const { code, json } = await run('import', file, '--map', orders, '--dry-run');
    expect([code, json.events.length]).toEqual([1, 10]);
    expect(json.events[0]).toMatchObject({
      place: expect.stringMatching(/:3$/),
      fields: { entity_id: 'd0' },
      payload: { id: 'd0' },
      outcome: { status: 'ACCEPTED' },
    });
    expect(json.events[3].outcome).toMatchObject({ code: 'TIME_INVALID', path: '/event_time' });
    expect(kit.backend.packs.size).toBe(0);
    const { stdout } = await runPik('import', file, '--map', orders, '--dry-run', '--url', kit.url);
    expect(stdout).toMatch(/order\.placed.*\n.*nothing was sent/s);
  });

  it('sends rows that are received now with pik ingest', async () => {
    const map = mapFile(`return { source: 's', event_type: 't', entity_id: 'live', event_time: value().at };`);
    const { code, json } = await run('ingest', fileOf(`at\n${AT}\n`, 'a.csv'), '--map', map);
    expect([code, json.counts]).toEqual([0, { ACCEPTED: 1 }]);
    expect(receiptsOf(kit.backend)).toMatchObject([{ imported: false }]);
  });

  it('refuses a map that is not one, a file that is neither, and options that do not go together', async () => {
    const csv = fileOf('a,b\n1,2\n', 'a.csv');
    expect((await run('import', csv, '--map', fileOf('export default 7', 'm.ts'))).stderr).toMatch(
      /made by defineRecordMap/,
    );
    expect((await run('import', csv, '--dry-run')).code).toBe(2);
    expect((await run('import', csv, '--map', orders, '--key', 'a')).code).toBe(2);
    expect((await run('import', fileOf('PAR1 and nothing else', 'x'), '--map', orders)).stderr).toMatch(/FILE_DAMAGED/);
    expect((await run('import', fileOf(`id,at\ne1,${AT}\n"open`, 'x'), '--map', orders)).stderr).toMatch(/beyond line/);
  });
});

describe('the rows of a CSV file', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', ';', '\n', ' ', 'ü', '\t'), maxLength: 6 });
  it('are those that were written, each with its bytes and its line', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, cell), { maxLength: 20 }),
        fc.constantFrom(',', ';', '\t', '|'),
        fc.integer({ min: 1, max: 40 }),
        async (rows, delimiter, chunk) => {
          const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
          const lines = [['one', 'two'], ...rows].map((row) => row.map(quoted).join(delimiter));
          const bytes = Buffer.from(`${lines.join('\n')}\n`);
          const chunks = async function* () {
            for (let i = 0; i < bytes.length; i += chunk) yield bytes.subarray(i, i + chunk);
          };
          const found = [];
          for await (const batch of csvRows(chunks(), { delimiter: delimiterOf(bytes), name: 'f' }))
            found.push(...batch);
          expect(found.map(({ columns }) => columns)).toEqual(rows.map(([one, two]) => ({ one, two })));
          expect(found.map((row) => row.bytes.toString())).toEqual(lines.slice(1));
          const starts = lines.map((_, i) => lines.slice(0, i).join('\n').split('\n').length + (i === 0 ? 0 : 1));
          expect(found.map(({ line }) => line)).toEqual(starts.slice(1));
        },
      ),
      runs(200),
    ));
});
