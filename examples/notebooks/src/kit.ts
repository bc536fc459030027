import { readQuakes } from '@pik/example-earthquakes/quakes';

/** URL of the kit: `pik serve --config examples/earthquakes/pik.config.ts`. */
export const kitUrl = process.env.PIK_URL ?? 'http://127.0.0.1:4600';

/** A record of a backfill as it is sent. */
export interface QuakeRecord {
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly event_time: string;
  readonly received_at: string;
  readonly payload: unknown;
}

/** A week of real earthquakes; the last revision of each serves as its receive time. */
export function quakeRecords(): QuakeRecord[] {
  return readQuakes().map(({ id, properties }) => ({
    source: properties.net,
    event_type: 'quake.reported',
    entity_id: id,
    event_time: new Date(properties.time).toISOString(),
    received_at: new Date(properties.updated).toISOString(),
    payload: { mag: properties.mag, place: properties.place, status: properties.status },
  }));
}

/** Sends records as `pik import` does; returns the number of each outcome. */
export async function importRecords(records: readonly object[]): Promise<Record<string, number>> {
  const response = await fetch(new URL('/import', kitUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: records.map((record) => JSON.stringify(record)).join('\n'),
  });
  const { counts } = (await response.json()) as { counts: Record<string, number> };
  return counts;
}
