import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { createPipeline, type Pipeline } from '@pik/engine';
import { openLocalBackend } from '@pik/engine/local';
import { ENVELOPE_COLUMNS, PACK_PREFIX, type SelectionOf } from '@pik/schema';
import { hasRealEvents, importLines, readLines } from '@pik/testkit/fixtures/engine/real-events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readQuestions } from '../src/athena.ts';

// The very texts of the named queries, asked of local packs with DuckDB. Functions that Athena has under another name are
// macros here; what Athena itself makes of the texts cannot be seen without an account.

const TRINO = [
  "CREATE MACRO from_iso8601_timestamp_nanos(t) AS CAST(replace(t, 'Z', '') AS TIMESTAMP)",
  'CREATE MACRO approx_percentile(x, p) AS quantile_cont(x, p)',
  'CREATE MACRO sequence(a, b, step) AS generate_series(a, b, step)',
];
const TYPES = {
  string: 'VARCHAR',
  int: 'INTEGER',
  bigint: 'BIGINT',
  boolean: 'BOOLEAN',
  'struct<pack_id:string,line:int>': 'STRUCT(pack_id VARCHAR, line INTEGER)',
  'struct<version:int,paths:array<string>>': 'STRUCT(version INTEGER, paths VARCHAR[])',
  'struct<name:string,version:int,settings:string,around:string>':
    'STRUCT(name VARCHAR, version INTEGER, settings VARCHAR, around VARCHAR)',
} as const;

/** Of a series of its own: two events a few hours apart, and between them clocks that are decades off. */
const WRONG_CLOCKS = [
  '2022-02-03T10:30:00Z',
  '1970-01-01T00:00:00Z',
  '2090-01-01T00:00:00Z',
  '2022-02-03T13:30:00Z',
].map((event_time, n) =>
  JSON.stringify({
    source: 'wrong clocks',
    event_type: 'tick',
    entity_id: 'e',
    event_time,
    received_at: '2022-02-03T14:00:00Z',
    payload: { n },
  }),
);

type Row = Record<string, string | number | boolean | null>;

describe.skipIf(!hasRealEvents)('the raw log in SQL: usgs/rawpoll', () => {
  const dir = mkdtempSync(join(tmpdir(), 'pik-sql-'));
  const lines = hasRealEvents ? readLines('usgs/rawpoll_2022-02-01_2022-02-06.ndjson.gz') : [];
  let pipeline: Pipeline;
  let connection: DuckDBConnection;
  beforeAll(async () => {
    pipeline = createPipeline({ backend: await openLocalBackend({ dir }) });
    await importLines(pipeline, lines);
    connection = await (await DuckDBInstance.create(':memory:')).connect();
    for (const macro of TRINO) await connection.run(macro);
    const columns = Object.entries(ENVELOPE_COLUMNS).map(([name, { type }]) => `${name}: '${TYPES[type]}'`);
    const files = join(dir, PACK_PREFIX, '**/*.ndjson.gz');
    await connection.run(
      `CREATE VIEW receipts AS SELECT * FROM read_json('${files}', format = 'newline_delimited', hive_partitioning = true,
       hive_types = {stored_date: VARCHAR, stored_hour: VARCHAR}, columns = {${columns.join(', ')}})`,
    );
  });
  afterAll(async () => {
    connection.closeSync();
    await pipeline.close();
    rmSync(dir, { recursive: true });
  });

  async function ask(name: string): Promise<Row[]> {
    const { sql = '' } = readQuestions().find((question) => question.name === name) ?? {};
    const rows = (await connection.runAndReadAll(sql)).getRowObjects() as Record<string, unknown>[];
    return rows.map(plain);
  }

  const sum = (rows: readonly Row[], column: string) => rows.reduce((total, row) => total + Number(row[column]), 0);
  const EVERYTHING: SelectionOf<'lag'> = {
    basis: 'event',
    by: ['source', 'event_type'],
    include_imported: true,
    limit: 1_000,
    late_over_ms: 7_200_000,
  };

  it('duplicates: 5,702 receipts are 758 events and 4,944 repeats', async () => {
    const rows = await ask('duplicates');
    expect([sum(rows, 'receipts'), sum(rows, 'events'), sum(rows, 'duplicates'), sum(rows, 'conflicts')]).toEqual([
      5_702, 758, 4_944, 0,
    ]);
    const day = rows.filter(({ event_day }) => event_day === '2022-02-02');
    expect([sum(day, 'receipts'), sum(day, 'events'), sum(day, 'duplicates'), sum(day, 'entities')]).toEqual([
      1_195, 155, 1_040, 53,
    ]);
  });

  it('lag: count, extremes and late arrivals are those of the report, series by series', async () => {
    const rows = await ask('lag');
    const { groups } = await pipeline.ask('lag', EVERYTHING);
    const inSql = rows.map(({ source, event_type, events, min_ms, max_ms, late_over_2h }) => ({
      source,
      event_type,
      count: events,
      min_ms,
      max_ms,
      late_count: late_over_2h,
    }));
    const inReport = groups.map(({ group, figures: { count, min_ms, max_ms, late_count } }) => {
      return { ...group, count, min_ms, max_ms, late_count };
    });
    const byName = (a: { source?: unknown }, b: { source?: unknown }) => (String(a.source) < String(b.source) ? -1 : 1);
    expect(inSql.sort(byName)).toEqual(inReport.sort(byName));
    expect(sum(rows, 'events')).toBe(758);
  });

  it('late events: those of the report over six hours, the latest first', async () => {
    const rows = await ask('late-events');
    const { total } = await pipeline.ask('lag', { ...EVERYTHING, late_over_ms: 21_600_000 });
    expect(rows).toHaveLength(total?.late_count ?? -1);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows[0]?.lag_ms).toBe(total?.max_ms);
  });

  it('missing windows: the hours between the first and the last of a series in which none of its events lies', async () => {
    const rows = await ask('missing-windows');
    const HOUR = 3_600_000;
    const seen = new Map<string, Set<number>>();
    for (const line of lines) {
      const { source, event_time } = JSON.parse(line) as { source: string; event_time: string };
      const hours = seen.get(source) ?? new Set();
      seen.set(source, hours.add(Math.floor(Date.parse(event_time) / HOUR)));
    }
    const missing = [...seen].flatMap(([source, hours]) => {
      const [first, last] = [Math.min(...hours), Math.max(...hours)];
      const life = Array.from({ length: last - first + 1 }, (_, i) => first + i);
      return life.filter((hour) => !hours.has(hour)).map((hour) => `${source} ${hour}`);
    });
    const told = rows
      .filter(({ source }) => source !== 'wrong clocks')
      .map(({ source, hour_start }) => `${source} ${Number(hour_start) / HOUR}`);
    expect(told.sort()).toEqual(missing.sort());
    expect(missing.length).toBeGreaterThan(0);
  });

  it('missing windows: clocks that are decades off take no series out of the answer', async () => {
    await importLines(pipeline, WRONG_CLOCKS);
    const rows = (await ask('missing-windows')).filter(({ source }) => source === 'wrong clocks');
    const hours = rows.map(({ hour_start }) => new Date(Number(hour_start)).toISOString().slice(0, 13));
    expect(hours.slice(-2)).toEqual(['2022-02-03T11', '2022-02-03T12']);
    expect(hours).toHaveLength(9_997);
  });
});

/** Numbers of 64 bits and times as numbers; times in milliseconds. */
function plain(row: Record<string, unknown>): Row {
  const values = Object.entries(row).map(([name, value]) => {
    if (typeof value === 'bigint') return [name, Number(value)];
    if (typeof value === 'object' && value !== null && 'micros' in value) return [name, Number(value.micros) / 1_000];
    return [name, value];
  });
  return Object.fromEntries(values) as Row;
}
