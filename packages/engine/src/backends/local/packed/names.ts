import type { DatabaseSync } from 'node:sqlite';

import { evictOldest } from '../../../ports/evict-oldest.ts';
import { prepareRows, requireRow } from '../sqlite.ts';

/** The number of cached names per kind. */
const CACHE_ITEMS = 10_000;

/** The names behind interned numbers. */
export interface Names {
  series(seriesNo: number): { readonly source: string; readonly event_type: string };
  producer(producerNo: number): string;
  /** Clears the caches after a rollback, since a number may be given again. */
  forget(): void;
}

/** Names over prepared statements. */
export function createNames(db: DatabaseSync): Names {
  const series = prepareRows<{ source: string; event_type: string }>(
    db,
    'SELECT source, event_type FROM series WHERE series_no = ?',
  );
  const producer = prepareRows<{ producer_id: string }>(db, 'SELECT producer_id FROM producer WHERE producer_no = ?');
  const seriesOf = cached((number) => {
    const { source, event_type } = requireRow(series.get(number));
    return { source, event_type };
  });
  const producerOf = cached((number) => requireRow(producer.get(number)).producer_id);
  return {
    series: seriesOf.get,
    producer: producerOf.get,
    forget() {
      seriesOf.forget();
      producerOf.forget();
    },
  };
}

function cached<T>(read: (number: number) => T): { get(number: number): T; forget(): void } {
  const known = new Map<number, T>();
  return {
    get(number) {
      const value = known.get(number);
      if (value !== undefined) return value;
      const found = read(number);
      if (known.size >= CACHE_ITEMS) evictOldest(known);
      known.set(number, found);
      return found;
    },
    forget: () => known.clear(),
  };
}
