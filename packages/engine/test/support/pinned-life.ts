import { MS_PER_HOUR, packStoredMs } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';

import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { dayRows } from '../../src/cells/rules/day-rows.ts';
import type { CellRow } from '../../src/ports/cell-row.ts';
import type { ClosedArrival, ClosedHours } from '../../src/ports/closed-hours.ts';
import { createClosedHours } from './closed-hours.ts';

// Two weeks of a small shop, the same in every run, with one of each trouble that reports tell.

const MINUTE = 60_000;
const HOUR = MS_PER_HOUR;
export const LIFE_START = Date.UTC(2026, 2, 16);
const LIFE_HOURS = 14 * 24;
const CLOSED_HOURS = 4 * 24;

const time = (ms: number) => new Date(ms).toISOString();

/** Whole numbers from 0 below `below`, spread evenly, by place. */
const spread = (place: number, below: number) => Math.floor(((((place * 0.6180339887498949) % 1) + 1) % 1) * below);

interface Given {
  readonly source: string;
  readonly entity: string;
  readonly lagMs: number;
  readonly payload?: object | null;
  readonly rest?: object;
}

function* recordsOf(hour: number): Generator<Given> {
  const place = (of: number) => hour * 7 + of;
  // One order or more by the clock of the hour, except in one night and for one hour.
  const orders = hour >= 200 && hour < 209 ? 0 : hour === 120 ? 0 : 1 + spread(place(0), 3);
  for (let n = 0; n < orders; n++) {
    const region = ['eu', 'us', 'ap'][spread(place(n), 3)];
    const payload = { total: spread(place(n), 500), region, release: hour < 168 ? 4 : 5, at: hour % 24 };
    const producer = { producer_id: 'till-1', producer_seq: hour * 4 + n + (hour > 90 ? 3 : 0) };
    const lagMs = (20 + spread(place(n + 1), 400)) * 1_000 + (hour % 50 === 49 ? 5 * HOUR : 0);
    yield { source: 'shop', entity: `order-${hour}-${n}`, lagMs, payload, rest: { ...producer } };
  }
  // Five hours off from the fourth day to the tenth.
  if (hour % 2 === 0)
    yield {
      source: 'depot',
      entity: `box-${hour % 40}`,
      lagMs: (hour >= 72 && hour < 220 ? 5 * HOUR : 0) + 30_000 + spread(place(3), 90) * 1_000,
      payload: { weight: hour / 8, ok: hour % 3 === 0, note: `"${hour % 5}" \n` },
    };
  // Ninety seconds ahead in the second week.
  if (hour % 3 === 0)
    yield {
      source: 'fast',
      entity: `door-${hour % 9}`,
      lagMs: hour >= 150 ? -90_000 : 1_000,
      payload: { open: hour % 2 === 0 },
      rest: { event_type: 'door', sent_at: time(LIFE_START + hour * HOUR + 10 * MINUTE - 400) },
    };
}

const textOf = ({ source, entity, lagMs, payload = {}, rest = {} }: Given, nowMs: number) =>
  JSON.stringify({
    source,
    event_type: 'placed',
    entity_id: entity,
    event_time: time(nowMs - lagMs),
    payload,
    ...rest,
  });

/** Records of an hour that repeat others, contradict them or cannot be read. */
function troubles(hour: number, nowMs: number): string[] {
  const keyed = (total: number, lagMs = 2 * MINUTE) =>
    textOf(
      { source: 'shop', entity: `k-${hour - (hour % 10)}`, lagMs, payload: { total }, rest: { idempotency_key: 'k' } },
      LIFE_START + (hour - (hour % 10)) * HOUR + 10 * MINUTE,
    );
  const found: string[] = [];
  if (hour % 10 === 0) found.push(keyed(1));
  if (hour % 10 === 4) found.push(keyed(1), keyed(1));
  if (hour % 30 === 7) found.push(keyed(2), keyed(1, 3 * MINUTE));
  // A storm of repeats in two hours.
  if (hour === 100 || hour === 101) for (let i = 0; i < 40; i++) found.push(keyedStorm(i % 5));
  if (hour % 24 === 5)
    found.push('{"source":"shop"', `{"source":"shop","event_type":"placed","payload":{"n":${hour}}}`);
  if (hour % 48 === 9)
    found.push(textOf({ source: 'shop', entity: 'x', lagMs: 0, rest: { event_time: 'soon' } }, nowMs));
  if (hour > 168 && hour % 12 === 3) found.push(textOf({ source: '', entity: 'y', lagMs: 0 }, nowMs));
  if (hour % 40 === 8)
    found.push(
      textOf({ source: 'depot', entity: 'z', lagMs: 9_000, rest: { idempotncy_key: 'typo' } }, nowMs),
      `{"source":"depot","event_type":"placed","entity_id":"d","event_time":"${time(nowMs)}","payload":{"big":9007199254740993.5}}`,
      textOf({ source: 'depot', entity: `gone-${hour}`, lagMs: 9_000, payload: null }, nowMs),
    );
  return found;
}

const keyedStorm = (n: number) =>
  textOf(
    { source: 'depot', entity: `storm-${n}`, lagMs: MINUTE, payload: { n }, rest: { idempotency_key: 's' } },
    LIFE_START + 100 * HOUR,
  );

/** The life over its receipts alone, and with its first days in closed hours. */
export interface PinnedLife {
  readonly open: Pipeline;
  readonly closed: Pipeline;
  readonly nowMs: number;
}

/** Sends the whole life. */
export async function liveOnce(): Promise<PinnedLife> {
  const clock = createTestClock(LIFE_START);
  const backend = createMemoryBackend(clock);
  let made = 0;
  const open = createPipeline({ backend });
  const send = (lines: readonly string[], mode: 'live' | 'import') =>
    open.ingest({
      body: new TextEncoder().encode(lines.join('\n')),
      format: 'ndjson',
      mode,
      receivedMs: clock.ms,
      requestId: `request-${made++}`,
      principal: made % 3 === 0 ? 'till' : null,
      dryRun: false,
    });
  for (let hour = 0; hour < LIFE_HOURS; hour++) {
    clock.ms = LIFE_START + hour * HOUR + 10 * MINUTE;
    const lines = [...[...recordsOf(hour)].map((one) => textOf(one, clock.ms)), ...troubles(hour, clock.ms)];
    for (const half of [lines.slice(0, 3), lines.slice(3)]) {
      if (half.length > 0) await send(half, 'live');
      // Ids of one millisecond have no order.
      clock.ms += 1_000;
    }
    if (hour === 250) await send(backfill(clock.ms), 'import');
  }
  clock.ms = LIFE_START + LIFE_HOURS * HOUR;
  const until = LIFE_START + CLOSED_HOURS * HOUR;
  const stored = [...backend.packs.keys()].map((pack) => Math.floor(packStoredMs(pack) / HOUR));
  const closing = {
    hours: new Set(stored.filter((hour) => (hour + 1) * HOUR <= until)),
    late: new Set<string>(),
    damaged: new Set<number>(),
    withDays: true,
    withIdentities: true,
  };
  const closedHours = await readOnce(createClosedHours(backend, () => closing));
  const closed = createPipeline({ backend: { ...backend, closedHours } });
  return { open, closed, nowMs: clock.ms };
}

/** Closed hours that make their cells once, and read their arrivals once. */
async function readOnce(hours: ClosedHours<CellRow>): Promise<ClosedHours<CellRow>> {
  const all = await hours.list({ fromMs: 0, toMs: 2 ** 47 });
  const cells = new Map<number, CellRow[]>();
  const arrivals = new Map<number, ClosedArrival[]>();
  for (const hour of all) {
    cells.set(hour.hour_ms, [...(await hours.readCells(hour))]);
    const own: ClosedArrival[] = [];
    for await (const arrival of hours.readArrivals(hour)) own.push(arrival);
    arrivals.set(hour.hour_ms, own);
  }
  return {
    ...hours,
    list: async ({ fromMs, toMs }) => all.filter(({ hour_ms }) => hour_ms >= fromMs && hour_ms < toMs),
    readCells: async ({ hour_ms }) => cells.get(hour_ms) ?? [],
    readDay: async (ofDay) => dayRows(ofDay.map(({ hour_ms }) => cells.get(hour_ms) ?? [])),
    async *readArrivals({ hour_ms }) {
      yield* arrivals.get(hour_ms) ?? [];
    },
  };
}

/** Orders of before the life, and one that says it came before it was known. */
function backfill(nowMs: number): string[] {
  return Array.from({ length: 30 }, (_, n) => {
    const receivedMs = LIFE_START - (30 - n) * 2 * HOUR;
    const rest = { received_at: time(receivedMs), ...(n % 6 === 0 ? { idempotency_key: `b${n}` } : {}) };
    return textOf(
      { source: 'shop', entity: `old-${n}`, lagMs: nowMs - receivedMs + n * 1_000, payload: { n }, rest },
      nowMs,
    );
  });
}

/** Replaces the ids of packs by their order of appearance: they are drawn at random. */
export function withoutIds(answer: unknown): unknown {
  const known = new Map<string, string>();
  const text = JSON.stringify(answer)
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}\b/g, (id) => {
      const name = known.get(id) ?? `pack-${known.size + 1}`;
      known.set(id, name);
      return name;
    })
    .replace(/"(next_)?cursor":"[^"]+"/g, '"$1cursor":"…"');
  return JSON.parse(text);
}
