import type { DatabaseSync, SQLInputValue } from 'node:sqlite';

import { evictOldest } from '../../ports/evict-oldest.ts';
import { insertInto, prepareRows } from './sqlite.ts';

/** The number of cached ids per kind; beyond it the oldest are evicted. */
const CACHE_ITEMS = 100_000;

/** Maps ids to integers: shorter rows, and no text in an index of the hot path. */
export interface Interning {
  series(source: string, eventType: string): number;
  entity(entityId: string): number;
  producer(producerId: string): number;
  /** Clears the cache after a rollback, since it may hold numbers of rows that are gone. */
  forget(): void;
}

/** Interning over the tables of an index. */
export function createInterning(db: DatabaseSync): Interning {
  const series = internTable(db, { table: 'series', number: 'series_no', columns: ['source', 'event_type'] });
  const entity = internTable(db, { table: 'entity', number: 'entity_no', columns: ['entity_id'] });
  const producer = internTable(db, { table: 'producer', number: 'producer_no', columns: ['producer_id'] });
  // Most events have the series of the one before them: comparing two texts costs less than joining them.
  let last = { source: '', eventType: '', number: 0 };
  return {
    series(source, eventType) {
      if (last.number > 0 && source === last.source && eventType === last.eventType) return last.number;
      // Ids are free of control characters, so the separator cannot be part of one.
      const number = series.numberOf(`${source}\u0000${eventType}`, [source, eventType]);
      last = { source: ownText(source), eventType: ownText(eventType), number };
      return number;
    },
    entity: (entityId) => entity.numberOf(entityId, [entityId]),
    producer: (producerId) => producer.numberOf(producerId, [producerId]),
    forget() {
      last = { source: '', eventType: '', number: 0 };
      for (const table of [series, entity, producer]) table.forget();
    },
  };
}

interface InternTable {
  numberOf(key: string, values: SQLInputValue[]): number;
  forget(): void;
}

function internTable(
  db: DatabaseSync,
  names: { table: string; number: string; columns: readonly string[] },
): InternTable {
  const { table, number, columns } = names;
  const find = prepareRows<{ n: number }>(
    db,
    `SELECT ${number} AS n FROM ${table} WHERE ${columns.map((name) => `${name} = ?`).join(' AND ')}`,
  );
  const insert = db.prepare(insertInto(table, columns));
  const known = new Map<string, number>();
  return {
    numberOf(key, values) {
      const cached = known.get(key);
      if (cached !== undefined) return cached;
      const row = find.get(...values);
      const found = row === undefined ? Number(insert.run(...values).lastInsertRowid) : row.n;
      if (known.size >= CACHE_ITEMS) evictOldest(known);
      known.set(ownText(key), found);
      return found;
    },
    forget: () => known.clear(),
  };
}

/** A copy, since a piece of a longer text would keep all of it in memory. */
function ownText(text: string): string {
  return Buffer.from(text).toString();
}
