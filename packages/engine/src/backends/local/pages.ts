import type { SQLInputValue } from 'node:sqlite';

import { isPackId, KitError } from '@pik/schema';
import { type CursorPart, encodeCursor } from '../../ports/cursor.ts';
import type { FailureQuery, Page } from '../../ports/queries.ts';
import { idBytes } from './codec.ts';

/** A bound below every pack id. */
export const NO_PACK = '00000000-0000-7000-8000-000000000000';

/** The pack id of a cursor. Throws `CURSOR_INVALID`. */
export function cursorPack(text: string): string {
  if (text !== NO_PACK && !isPackId(text)) throw new KitError('CURSOR_INVALID');
  return text;
}

/** The bytes of the event id or position in a cursor. Throws `CURSOR_INVALID`. */
export function cursorId(text: string): Uint8Array {
  try {
    return idBytes(text);
  } catch {
    throw new KitError('CURSOR_INVALID');
  }
}

/** A page of rows; it has a next one if it is full. */
export function pageOf<Row, T>(
  rows: readonly Row[],
  convert: (row: Row) => T,
  options: { limit: number; place: (row: Row) => CursorPart[] },
): Page<T> {
  const last = rows.length < options.limit ? undefined : rows.at(-1);
  return { items: rows.map(convert), next: last === undefined ? null : encodeCursor(options.place(last)) };
}

/** SQL conditions on series and entity, with their values. */
export function seriesFilter(query: Partial<Pick<FailureQuery, 'source' | 'event_type' | 'entity_hash'>>): {
  sql: string;
  values: SQLInputValue[];
} {
  const { source, event_type, entity_hash } = query;
  const wanted = Object.entries({ source, event_type, entity_hash });
  const given = wanted.filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { sql: given.map(([name]) => `AND ${name} = ?`).join(' '), values: given.map(([, value]) => value) };
}

/** A bound below every pack id of a millisecond and above all earlier ones: a UUIDv7 starts with six bytes of time. */
export function timeBytes(ms: number): Uint8Array {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(Math.min(Math.max(0, Math.ceil(ms)), 2 ** 48 - 1), 0, 6);
  return bytes;
}
