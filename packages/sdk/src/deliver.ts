import { type IngestResult, KitError } from '@pik/schema';

import type { Retry } from './retry.ts';
import { sendBatch, type TransportOptions, toWire } from './transport.ts';

/** A result that the backend gave, or why there is none. */
export type Delivery = IngestResult | KitError;

/** Records on their way: their texts, their ids where known, and who is told what became of each. */
export interface Shipment {
  readonly lines: readonly string[];
  readonly eventIds: readonly (string | null)[];
  /** Called once per record, by its place. */
  readonly settle: (place: number, delivery: Delivery) => void;
}

/** The way to the backend. */
export interface Carrier {
  readonly transport: TransportOptions;
  readonly retry: Retry;
}

const TOO_LARGE = new Set(['BODY_TOO_LARGE', 'TOO_MANY_EVENTS', 'EVENT_TOO_LARGE']);

/**
 * Sends records until each has its result or the retries are used up. A repeat sends the same bytes; records that are
 * PENDING are sent again without the others; what is too large together goes in halves.
 */
export async function deliver(carrier: Carrier, shipment: Shipment): Promise<void> {
  const places = shipment.lines.map((_, place) => place);
  await deliverPlaces(carrier, shipment, places);
}

async function deliverPlaces(carrier: Carrier, shipment: Shipment, places: readonly number[]): Promise<void> {
  const { lines, eventIds, settle } = shipment;
  const { transport, retry } = carrier;
  const wire = await toWire(pick(lines, places), pick(eventIds, places), transport.gzipBytesMin);
  let results: IngestResult[];
  try {
    results = await retry(async () => {
      const answer = await sendBatch(transport, wire);
      if (answer.every(({ status }) => status === 'PENDING')) throw new KitError('PENDING');
      return answer;
    });
  } catch (error) {
    if (!KitError.is(error)) throw error;
    if (TOO_LARGE.has(error.code) && places.length > 1) return deliverHalves(carrier, shipment, places);
    for (const place of places) settle(place, error);
    return;
  }
  const pending: number[] = [];
  for (const [i, result] of results.entries()) {
    const place = places[i] as number;
    if (result.status === 'PENDING') pending.push(place);
    else settle(place, result);
  }
  if (pending.length > 0) await deliverPlaces(carrier, shipment, pending);
}

async function deliverHalves(carrier: Carrier, shipment: Shipment, places: readonly number[]): Promise<void> {
  const half = Math.ceil(places.length / 2);
  await deliverPlaces(carrier, shipment, places.slice(0, half));
  await deliverPlaces(carrier, shipment, places.slice(half));
}

function pick<T>(items: readonly T[], places: readonly number[]): T[] {
  return places.map((place) => items[place] as T);
}
