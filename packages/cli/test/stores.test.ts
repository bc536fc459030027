import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DuckDBInstance } from '@duckdb/node-api';
import { isInstalled } from '@pik/testkit/fixtures/servers/server';
import { startPostgres } from '@pik/testkit/fixtures/servers/servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eventText, fileOf, type Kit, openKit } from './support/kit.ts';
import { runPik } from './support/run-pik.ts';

let kit: Kit;
const dir = mkdtempSync(join(tmpdir(), 'pik-stores-'));
const at = () => ['--url', kit.url];
const order = (key: string, payload: object | null, rest: object = {}) =>
  eventText({ idempotency_key: key, entity_id: key, payload, ...rest });

beforeAll(async () => {
  kit = await openKit();
  const records = [
    order('both', { total: 12.5 }),
    order('both', { total: 12.5 }),
    order('here', { total: 1 }),
    order('deleted', null),
    order('reused', { total: 2 }),
    order('reused', { total: 3 }),
    order('refused', { total: 4 }, { event_time: '2026-02-01T08:00:00' }),
    order('other-value', { total: 5 }),
    '{"broken',
  ];
  await runPik('ingest', fileOf(`${records.join('\n')}\n`), ...at());
});
afterAll(async () => {
  await kit.close();
  rmSync(dir, { recursive: true });
});

const differences = async (...args: string[]) => {
  const { code, stdout, stderr } = await runPik('reconcile', ...args, '--json', ...at());
  const rows = stdout.split('\n').filter((line) => line !== '');
  const found = rows.map((line) => JSON.parse(line));
  return { code, stderr, found: found.map(({ id, kind, cause }) => `${id} ${kind} ${cause}`), rows: found };
};

const EXPECTED = [
  'absent MISSING_HERE NOT_RECEIVED',
  'here MISSING_THERE NOT_THERE',
  'other-value DIFFERENT CONTENT_DIFFERS',
  'refused MISSING_HERE REJECTED TIME_WITHOUT_OFFSET',
  'reused DIFFERENT CONFLICT_HERE',
];
const THEIRS = [
  ['both', '12.50'],
  ['absent', '9'],
  ['reused', '3'],
  ['refused', '4'],
  ['other-value', '6'],
] as const;
const values = ['--value', '/payload/total', '--grace', '0'];

describe('pik reconcile', () => {
  it('names each difference with its cause, from CSV and from NDJSON', async () => {
    const csv = fileOf(`order_id,amount\n${THEIRS.map((row) => row.join(',')).join('\n')}\n`, 'theirs.csv');
    const fromCsv = await differences(csv, '--their-id', 'order_id', '--their-value', 'amount', ...values);
    expect([fromCsv.code, fromCsv.found]).toEqual([1, EXPECTED]);
    expect(fromCsv.stderr).toContain('not compared: 1 receipt without a value at /idempotency_key');
    expect(fromCsv.rows.find(({ id }) => id === 'refused').receipt).toMatch(/^[0-9a-f-]{36}\/6$/);
    const lines = THEIRS.map(([id, amount]) => JSON.stringify({ id, sums: { amount } }));
    const ndjson = fileOf(`${lines.join('\n')}\n`);
    expect((await differences(ndjson, '--their-id', '/id', '--their-value', '/sums/amount', ...values)).found).toEqual(
      EXPECTED,
    );
  });

  it('compares ids alone, and gives young receipts time to arrive there', async () => {
    const ids = fileOf('both\nreused\nother-value\n', 'ids.txt');
    expect((await differences(ids)).found).toEqual(['here MISSING_THERE RECENT']);
    const same = await runPik('reconcile', fileOf('both\nreused\nother-value\nhere\n', 'ids.txt'), ...at());
    expect([same.code, same.stdout]).toEqual([0, '5 ids here, 4 ids there: 4 ids in both and equal, 0 differences.\n']);
    const shown = await runPik('reconcile', ids, ...at());
    expect(shown.stdout).toContain('MISSING_THERE RECENT');
  });

  it.skipIf(!isInstalled('initdb', 'pg_isready'))('reads the other store from PostgreSQL', async () => {
    const server = await startPostgres();
    try {
      const rows = THEIRS.map(([id, amount]) => `('${id}', ${amount}::numeric)`).join(', ');
      const query = `SELECT * FROM (VALUES ${rows}) AS orders (id, total)`;
      expect((await differences('--postgres', server.url, '--query', query, ...values)).found).toEqual(EXPECTED);
      const faulty = await runPik('reconcile', '--postgres', server.url, '--query', 'SELECT nothing', ...at());
      expect([faulty.code, faulty.stderr]).toEqual([2, expect.stringContaining('column "nothing" does not exist')]);
    } finally {
      await server.stop();
    }
  });
});

describe('pik export', () => {
  it('writes a Parquet file that DuckDB reads, and never replaces a file', async () => {
    const file = join(dir, 'out.parquet');
    const { code, stdout } = await runPik('export', file, '--parquet', ...at());
    expect([code, stdout]).toEqual([0, `written: ${file}, 9 receipts\n`]);
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const reader = await connection.runAndReadAll(
      `SELECT outcome, count(*)::INT, sum((payload->>'total')::DOUBLE) FROM '${file}' GROUP BY ALL ORDER BY ALL`,
    );
    expect(reader.getRowsJson()).toEqual([
      ['ACCEPTED', 5, 20.5],
      ['CONFLICT', 1, 3],
      ['DUPLICATE', 1, 12.5],
      ['REJECTED', 2, 4],
    ]);
    connection.closeSync();
    const again = await runPik('export', file, '--parquet', ...at());
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('exists; name a new file')]);
    const none = join(dir, 'none.parquet');
    expect((await runPik('export', none, '--parquet', '--where', 'a = = b', ...at())).code).toBe(2);
    expect(existsSync(none)).toBe(false);
  });
});
