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

/** Payments of a shop in three regions on each of two days, and the hours of a day in which they come. */
const PAYMENTS_A_DAY = 600;
const REGIONS = ['eu', 'us', 'asia'] as const;
const MINUTES_A_DAY = 1_440;
const MINUTE_MS = 60_000;

/**
 * Two days of a shop. On the second one release 2 serves one region, and has the fault of `examples/orders`: it reports each payment
 * twice, under two keys.
 */
export function paymentRecords(): object[] {
  return ['2023-03-06', '2023-03-07'].flatMap((day, n) =>
    Array.from({ length: PAYMENTS_A_DAY }, (_, i) => {
      const region = REGIONS[i % REGIONS.length];
      const isNew = n === 1 && region === 'eu';
      const time = Date.parse(day) + Math.floor((i * MINUTES_A_DAY) / PAYMENTS_A_DAY) * MINUTE_MS;
      const payment = { region, release: isNew ? '2' : '1', method: ['card', 'bank'][(i >> 2) % 2], carrier: i % 5 };
      return (isNew ? [1, 2] : [1]).map((attempt) => ({
        source: 'shop',
        event_type: 'order.paid',
        entity_id: `order-${day}-${i}`,
        idempotency_key: `paid-${day}-${i}-${attempt}`,
        event_time: new Date(time).toISOString(),
        received_at: new Date(time + attempt * MINUTE_MS).toISOString(),
        payload: { ...payment, attempt, total_cents: 1_000 + ((i * 37) % 50) * 100 },
      }));
    }).flat(),
  );
}
