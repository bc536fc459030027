import type { DatabaseSync } from 'node:sqlite';

import { LIMITS } from '@pik/schema';

import { indexError, prepareRows } from './sqlite.ts';

/** Days of event time, the latest first, in which the last receipt of a series is looked for. */
const DAYS_MAX = 60;

/** Series looked at. */
const SERIES_MAX = 2 * LIMITS.metric_sources_max;

/** One look-up in the index of slices for each series and day, so the time does not grow with the number of events. */
const LAST_RECEIVED = `
WITH RECURSIVE day (event_day) AS (
  SELECT max(event_day) FROM slice
  UNION ALL
  SELECT (SELECT max(event_day) FROM slice WHERE event_day < day.event_day) FROM day WHERE event_day IS NOT NULL
  LIMIT ${DAYS_MAX}
),
one (source, received_ms) AS (
  SELECT source, (
    SELECT received_max_ms FROM slice
    WHERE slice.event_day = day.event_day AND slice.series_no = known.series_no ORDER BY pack_id DESC LIMIT 1
  )
  FROM (SELECT series_no, source FROM series ORDER BY series_no LIMIT ${SERIES_MAX}) AS known CROSS JOIN day
  WHERE day.event_day IS NOT NULL
)
SELECT source, max(received_ms) AS ms FROM one GROUP BY source HAVING ms IS NOT NULL ORDER BY source`;

/**
 * Returns a function that reads when each source last sent an event, in milliseconds: of the first series and the latest days
 * that have events. The last pack of a series and day counts with its latest receipt.
 */
export function createLastReceived(db: DatabaseSync): () => Promise<ReadonlyMap<string, number>> {
  const statement = prepareRows<{ source: string; ms: number }>(db, LAST_RECEIVED);
  return async () => {
    try {
      return new Map(statement.all().map(({ source, ms }) => [source, ms]));
    } catch (error) {
      throw indexError(error);
    }
  };
}
