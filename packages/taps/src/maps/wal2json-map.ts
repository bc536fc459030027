import { parseExact } from '../exact-json.ts';
import type { MapOutput, RecordMap } from '../record-map.ts';

/** The columns of a change, as wal2json writes them in its format 2. */
interface Column {
  readonly name: string;
  readonly value: unknown;
}

const ACTIONS: Readonly<Record<string, string>> = { I: 'insert', U: 'update', D: 'delete', T: 'truncate' };

/**
 * Reads the changes of rows of PostgreSQL, as wal2json writes them. The table and the action are the type, the primary key is the entity,
 * the time is that of the commit, and the row is the payload. The payload of a deleted row is null: a deletion.
 */
export function wal2jsonMap({ source }: { source: string }): RecordMap {
  return {
    name: 'wal2json',
    version: 1,
    map({ text, id }) {
      const change = parseExact(text);
      if (!isRow(change)) throw new Error('not a change of a row');
      const { action, schema, table, timestamp } = change;
      const place = schema === 'public' ? String(table) : `${String(schema)}.${String(table)}`;
      const columns = listOf(change.columns);
      const identity = listOf(change.identity);
      const names = new Set(listOf(change.pk).map(({ name }) => name));
      const keys = (columns.length > 0 ? columns : identity).filter(({ name }) => names.has(name));
      return {
        source,
        event_type: `${place}.${ACTIONS[String(action)] ?? String(action)}`,
        entity_id: keys.length === 0 ? place : keys.map(({ value }) => textOf(value)).join(','),
        event_time: timeOf(timestamp),
        idempotency_key: id,
        payload: payloadOf(String(action), columns),
      } satisfies MapOutput;
    },
  };
}

function isRow(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && 'action' in value && 'table' in value;
}

function listOf(list: unknown): Column[] {
  return Array.isArray(list) ? list : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The time of the commit, such as `2026-11-30 06:12:01.123456+00`, as RFC 3339. */
function timeOf(timestamp: unknown): string | undefined {
  const [, date, time, offset = '', minutes = ':00'] =
    /^(\S+) ([\d:.]+)([+-]\d\d)(:\d\d)?$/.exec(String(timestamp)) ?? [];
  return date === undefined ? undefined : `${date}T${time}${offset}${minutes}`;
}

function payloadOf(action: string, columns: readonly Column[]): unknown {
  if (action === 'D') return null;
  // A column may have any name, such as `__proto__`.
  const row = {};
  for (const { name, value } of columns) Object.defineProperty(row, name, { value, enumerable: true });
  return row;
}
