import { hash } from 'node:crypto';

import type { AggregateStore, Clock } from '../../ports/backend.ts';
import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { VersionRow, WindowTarget } from '../../ports/history-rows.ts';
import type { Page, VersionQuery } from '../../ports/queries.ts';
import type { Calls, Deadline } from './calls.ts';
import { createDirectory, type Directory } from './directory.ts';
import { mergedPage } from './shards.ts';
import { firstRow, type Key, keyItem, type Table } from './table.ts';
import { type Item, keyText, number, readNumber, readText, text, timeText } from './values.ts';

/** Partitions that the versions of one metric are spread over by their keys. */
const SHARDS = 16;
const VERSION_DIGITS = 12;

/** Versions in one table: a metric's are in the order of key, window and number over all of its partitions. */
export function createAggregateStore({
  table,
  calls,
  clock,
}: {
  table: Table;
  calls: Calls;
  clock: Clock;
}): AggregateStore {
  const metrics = createDirectory(table, { name: 'V#metrics', clock });
  return {
    getLatest: (target) =>
      calls.run(async (deadline) => {
        const { pk, prefix } = windowPlace(target);
        const item = await firstRow(table, deadline, { pk, ...startingWith(prefix), descending: true });
        return item === null ? null : readVersion(item);
      }),
    getVersion: (target, version) =>
      calls.run(async (deadline) => {
        const item = await table.get(deadline, versionKey({ ...target, version }));
        return item === null ? null : readVersion(item);
      }),
    append: (row) =>
      calls.run(async (deadline) => {
        await metrics.note(deadline, keyText(row.metric));
        const written = await table.put(deadline, versionItem(row), { expression: 'attribute_not_exists(pk)' });
        return written.done ? row : readVersion(written.row);
      }),
    listVersions: (query) => calls.run((deadline) => listVersions(table, deadline, { query, metrics })),
  };
}

/** The partition of a window's versions, and the prefix of their sort keys. */
function windowPlace({ metric, key, window_start_ms }: WindowTarget): { pk: string; prefix: string } {
  return { pk: partition(metric, shardOf(key)), prefix: `${keyText(key)}#${timeText(window_start_ms)}#` };
}

function partition(metric: string, shard: number): string {
  return `V#${keyText(metric)}#${shard}`;
}

/** Part of the data format: must never change, since it determines the partition of a row. */
function shardOf(key: string): number {
  return Number.parseInt(hash('sha256', key).slice(0, 2), 16) % SHARDS;
}

function startingWith(prefix: string): { from: string; to: string } {
  return { from: prefix, to: `${prefix}~` };
}

function versionKey(row: WindowTarget & Pick<VersionRow, 'version'>): Key {
  const { pk, prefix } = windowPlace(row);
  return { pk, sk: `${prefix}${String(row.version).padStart(VERSION_DIGITS, '0')}` };
}

const TEXTS = [
  'metric',
  'key',
  'time_zone',
  'time_zone_data',
  'value_json',
  'inputs_hash',
  'definition_hash',
  'functions_hash',
  'manifest_key',
  'replay_id',
  'computation_id',
] as const satisfies readonly (keyof VersionRow)[];

const NUMBERS = [
  'window_start_ms',
  'window_end_ms',
  'version',
  'input_count',
  'definition_version',
  'as_of_ms',
  'computed_ms',
] as const satisfies readonly (keyof VersionRow)[];

/** Attributes have full names: versions are few, and people may look at them in the console. */
function versionItem(row: VersionRow): Item {
  const item: Item = { ...keyItem(versionKey(row)), unsettled: number(row.unsettled ? 1 : 0) };
  for (const name of TEXTS) item[name] = text(row[name]);
  for (const name of NUMBERS) item[name] = number(row[name]);
  return item;
}

function readVersion(item: Item): VersionRow {
  const row: Record<string, unknown> = { unsettled: readNumber(item, 'unsettled') === 1 };
  for (const name of TEXTS) row[name] = readText(item, name);
  for (const name of NUMBERS) row[name] = readNumber(item, name);
  return row as unknown as VersionRow;
}

async function listVersions(
  table: Table,
  deadline: Deadline,
  { query, metrics }: { query: VersionQuery; metrics: Directory },
): Promise<Page<VersionRow>> {
  const { metric, key, window_start_ms, limit, cursor } = query;
  const place = decodeCursor(cursor, ['string', 'string']);
  if (metric === undefined || key === undefined) return listAll(table, deadline, { query, place, metrics });
  const prefix =
    window_start_ms === undefined ? `${keyText(key)}#` : windowPlace({ metric, key, window_start_ms }).prefix;
  const page = await table.query(deadline, {
    pk: partition(metric, shardOf(key)),
    ...startingWith(prefix),
    beyond: place?.[1] ?? null,
    limit,
  });
  return {
    items: page.rows.map(readVersion),
    next: page.reached === null ? null : encodeCursor([keyText(metric), page.reached]),
  };
}

/** All versions of all metrics: one metric after another, each merged from its partitions. */
async function listAll(
  table: Table,
  deadline: Deadline,
  { query, place, metrics }: { query: VersionQuery; place: [string, string] | null; metrics: Directory },
): Promise<Page<VersionRow>> {
  const wanted = (row: VersionRow) =>
    (['metric', 'key', 'window_start_ms'] as const).every(
      (name) => query[name] === undefined || query[name] === row[name],
    );
  const from = place?.[0] ?? '\u0001';
  let beyond: string | null = null;
  do {
    const range = { from, below: '~', beyond, descending: false };
    const page: Awaited<ReturnType<Directory['list']>> = await metrics.list(deadline, range);
    for (const metric of page.entries) {
      const merged = await mergedPage(table, deadline, {
        partitions: Array.from({ length: SHARDS }, (_, shard) => `V#${metric}#${shard}`),
        beyond: metric === place?.[0] && place[1] !== '' ? place[1] : null,
        limit: query.limit,
      });
      if (merged.rows.length === 0 && merged.reached === null) continue;
      const items = merged.rows.map(readVersion).filter(wanted);
      // `~` marks the end of this metric; the next page starts with the next one.
      return { items, next: encodeCursor([metric, merged.reached ?? '~']) };
    }
    beyond = page.next;
  } while (beyond !== null);
  return { items: [], next: null };
}
