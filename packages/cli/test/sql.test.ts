import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Match } from '@pik/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { payloadText } from '../src/sql/payload-text.ts';
import { openReceiptsDatabase } from '../src/sql/receipts-database.ts';
import { SQL_LIMITS } from '../src/sql/views.ts';
import { eventText, fileOf, type Kit, openKit } from './support/kit.ts';
import { runPik } from './support/run-pik.ts';

let kit: Kit;
const dir = mkdtempSync(join(tmpdir(), 'pik-sql-'));
const secret = join(dir, 'secret.csv');
const target = join(dir, 'out.csv');

beforeAll(async () => {
  kit = await openKit();
  writeFileSync(secret, 'a\n42\n');
  const rejected = JSON.stringify({ source: 'depot', event_type: 'parcel.seen', payload: { code: 'lost' } });
  const repeated = eventText();
  await runPik('ingest', fileOf(`${eventText()}\n${repeated}\n${rejected}\n`), ...at());
});
afterAll(async () => {
  await kit.close();
  rmSync(dir, { recursive: true });
});

const at = () => ['--url', kit.url];
const ask = (statement: string, ...more: string[]) => runPik('sql', statement, '--json', ...more, ...at());

/** The only row of an answer. */
async function rowOf(statement: string, ...more: string[]): Promise<unknown> {
  const { stdout, stderr } = await ask(statement, ...more);
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

describe('pik sql', () => {
  it('reads receipts, events, repeats and rejects', async () => {
    const counts = ['receipts', 'events', 'repeats', 'rejects'].map(
      (view) => `(SELECT count(*)::INT FROM ${view}) AS ${view}`,
    );
    expect(await rowOf(`SELECT ${counts.join(', ')}`)).toEqual({ receipts: 3, events: 1, repeats: 1, rejects: 1 });
    expect(await rowOf("SELECT payload->>'code' AS code, reject_code FROM rejects")).toEqual({
      code: 'lost',
      reject_code: 'FIELD_MISSING',
    });
    expect(await rowOf('SELECT typeof(event_time) AS t, hour(event_time)::INT AS h FROM events')).toEqual({
      t: 'TIMESTAMP',
      h: 8,
    });
    const { stdout } = await runPik('sql', 'SELECT source, event_type FROM events', ...at());
    expect(stdout).toMatch(/source +event_type[\s\S]*1 row\n$/);
  });

  it.each([
    [
      '{"data": 1, "payload": {"n": 12345678901234567890.10, "payload": 2}}',
      '{"n": 12345678901234567890.10, "payload": 2}',
    ],
    ['{"specversion":"1.0","data":[12345678901234567890]}', '[12345678901234567890]'],
    ['{"payload": 1, "payload": null}', 'null'],
    ['{"n": {"payload": 1}}', null],
    ['[{"payload": 1}]', null],
    ['{"payload": 1', null],
  ])('takes the payload of %s as written', (body, expected) => {
    expect(payloadText(body)).toBe(expected);
  });

  it('loads only what was received by a time, matches an expression, or fits', async () => {
    const count = 'SELECT count(*)::INT AS n FROM receipts';
    expect(await rowOf(count, '--as-of', '2020-01-01')).toEqual({ n: 0 });
    expect(await rowOf(count, '--where', 'outcome = REJECTED')).toEqual({ n: 1 });
    const { stdout, stderr } = await ask(count, '--receipts', '2');
    expect([JSON.parse(stdout), stderr]).toEqual([
      { n: 2 },
      expect.stringContaining('only the last 2 stored receipts'),
    ]);
  });

  it.each([
    ['DELETE FROM loaded'],
    ['CREATE TABLE t AS SELECT 1'],
    ['SELECT 1; SELECT 2'],
    ['SELECT 1; COPY loaded TO $target'],
    ['COPY (SELECT 1) TO $target'],
    ['EXPLAIN ANALYZE COPY (SELECT 1) TO $target'],
    ["EXPORT DATABASE 'x'"],
    ['ATTACH $target AS other'],
    ['SELECT * FROM read_csv($secret)'],
    ['SELECT * FROM $secret'],
    ['SELECT * FROM read_text($secret)'],
    ["SELECT * FROM glob('/etc/*')"],
    ["SELECT * FROM read_parquet('https://example.com/x.parquet')"],
    ['INSTALL httpfs'],
    ['LOAD httpfs'],
    ['SET enable_external_access = true'],
    ["SET memory_limit = '100GB'"],
    ['RESET lock_configuration'],
    ['CALL pragma_version()'],
    ['PREPARE p AS SELECT 1'],
    ['SELEC 1'],
    [''],
  ])('refuses %s, and touches no file', async (statement) => {
    const written = statement.replace('$target', `'${target}'`).replace('$secret', `'${secret}'`);
    const { code, stdout, stderr } = await ask(written);
    expect([statement, code, stdout]).toEqual([statement, 2, '']);
    expect(stderr).toMatch(/REQUEST_INVALID|PRAGMA|CALL/);
    expect(stdout + stderr).not.toContain('42\n');
    expect(existsSync(target)).toBe(false);
  });

  it.each([
    ['memory', { memoryMb: 40 }],
    ['time', { timeMs: 1, memoryMb: 4_000 }],
  ])('ends a statement that needs more %s than it may have', async (_, limits) => {
    const database = await openReceiptsDatabase(nothing(), { ...SQL_LIMITS, ...limits });
    const large = 'SELECT count(*) FROM (SELECT DISTINCT a.range, b.range FROM range(4000) a, range(4000) b)';
    await expect(database.query(large)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    database.close();
  });

  it('reads no more rows of an answer than it may', async () => {
    const database = await openReceiptsDatabase(nothing(), { ...SQL_LIMITS, rowsMax: 10 });
    expect(await database.query('FROM range(1000000)')).toMatchObject({ columns: ['range'], hasMore: true });
    expect((await database.query('FROM range(10)')).rows).toHaveLength(10);
    database.close();
  });
});

async function* nothing(): AsyncGenerator<Match> {}
