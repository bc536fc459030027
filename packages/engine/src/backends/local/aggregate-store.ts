import type { DatabaseSync } from 'node:sqlite';

import type { AggregateStore } from '../../ports/backend.ts';
import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { VersionRow, WindowTarget } from '../../ports/history-rows.ts';
import type { Page, VersionQuery } from '../../ports/queries.ts';
import type { HistoryFile } from './history-file.ts';
import { insertInto, prepareRows, requireRow } from './sqlite.ts';

const COLUMNS = [
  'metric',
  'key',
  'window_start_ms',
  'version',
  'window_end_ms',
  'time_zone',
  'time_zone_data',
  'value_json',
  'input_count',
  'inputs_hash',
  'definition_version',
  'definition_hash',
  'functions_hash',
  'manifest_key',
  'as_of_ms',
  'unsettled',
  'replay_id',
  'computed_ms',
  'computation_id',
] as const satisfies readonly (keyof VersionRow)[];

/** A row of `version`; SQLite has no booleans. */
type VersionColumns = Omit<VersionRow, 'unsettled'> & { readonly unsettled: number };

/** Versions in a table; the primary key is the condition of an append. */
export function createAggregateStore({ db, read, write }: HistoryFile): AggregateStore {
  const insert = db.prepare(insertInto('version', COLUMNS, 'IGNORE'));
  const one = prepareRows<VersionColumns>(
    db,
    'SELECT * FROM version WHERE metric = ? AND key = ? AND window_start_ms = ? AND version = ?',
  );
  const latest = prepareRows<VersionColumns>(
    db,
    'SELECT * FROM version WHERE metric = ? AND key = ? AND window_start_ms = ? ORDER BY version DESC LIMIT 1',
  );
  return {
    getLatest: ({ metric, key, window_start_ms }) =>
      read(() => {
        const row = latest.get(metric, key, window_start_ms);
        return row === undefined ? null : toVersionRow(row);
      }),
    getVersion: ({ metric, key, window_start_ms }, version) =>
      read(() => {
        const row = one.get(metric, key, window_start_ms, version);
        return row === undefined ? null : toVersionRow(row);
      }),
    append: (row) =>
      write(() => {
        insert.run(...COLUMNS.map((name) => (name === 'unsettled' ? Number(row[name]) : row[name])));
        return toVersionRow(requireRow(one.get(row.metric, row.key, row.window_start_ms, row.version)));
      }),
    listVersions: (query) => read(() => listVersions(db, query)),
  };
}

function listVersions(db: DatabaseSync, query: VersionQuery): Page<VersionRow> {
  const names = (['metric', 'key', 'window_start_ms'] as const satisfies readonly (keyof WindowTarget)[]).filter(
    (name) => query[name] !== undefined,
  );
  const after = decodeCursor(query.cursor, ['string', 'string', 'number', 'number']) ?? [
    '',
    '',
    Number.MIN_SAFE_INTEGER,
    0,
  ];
  const rows = prepareRows<VersionColumns>(
    db,
    `SELECT * FROM version WHERE (metric, key, window_start_ms, version) > (?, ?, ?, ?)
     ${names.map((name) => `AND ${name} = ?`).join(' ')}
     ORDER BY metric, key, window_start_ms, version LIMIT ?`,
  ).all(...after, ...names.flatMap((name) => query[name] ?? []), query.limit);
  const items = rows.map(toVersionRow);
  const last = items.length < query.limit ? undefined : items.at(-1);
  const next = last && encodeCursor([last.metric, last.key, last.window_start_ms, last.version]);
  return { items, next: next ?? null };
}

function toVersionRow(row: VersionColumns): VersionRow {
  return { ...row, unsettled: row.unsettled === 1 };
}
