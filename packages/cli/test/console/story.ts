// Two weeks of a shop, received on a clock of their own: what each page of the console has to show is in them, and nothing
// depends on the day on which a test runs.
import { defineAggregate, sumOf } from '@pik/aggregates';
import { createApp, createPipeline, silentTelemetry, startWorker } from '@pik/engine';
import type { ApiKey } from '@pik/engine/http';
import { createMemoryBackend, createTestClock, type TestClock } from '@pik/testkit';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** The time of every question. */
export const STORY_END = Date.UTC(2026, 2, 15, 9, 30);
const START = STORY_END - 14 * DAY - 9.5 * HOUR;

/** The day whose revenue was computed twice: before and after a late batch. */
export const REVENUE_DAY = '2026-03-13';

/** Sums the orders of a source and day. */
export const revenue = defineAggregate({
  metric: 'revenue_cents',
  definition_version: 1,
  group_by: 'source',
  window: 'day',
  time_zone: 'UTC',
  ...sumOf(({ event_type, payload }) =>
    event_type === 'order.placed' ? (payload as { total_cents: number }).total_cents : null,
  ),
});

type App = ReturnType<typeof createApp>;

/** A kit in memory with its worker. */
export interface StoryKit {
  readonly app: App;
  readonly clock: TestClock;
  close(): Promise<void>;
}

/** Opens an empty kit whose clock stands still. */
export function openStoryKit(options: { readonly apiKeys?: readonly ApiKey[] | undefined } = {}): StoryKit {
  const clock = createTestClock(START);
  const pipeline = createPipeline({ backend: createMemoryBackend(clock), aggregates: [revenue] });
  const app = createApp({ pipeline, telemetry: silentTelemetry, now: () => clock.ms, ...options });
  const worker = startWorker(pipeline, { telemetry: silentTelemetry, retryDelayMs: 0, idleMs: 5 });
  return {
    app,
    clock,
    async close() {
      await worker.stop();
      await pipeline.close();
    },
  };
}

interface Sent {
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly event_time: string;
  readonly idempotency_key?: string;
  readonly payload: object;
}

/** A number from 0 to 1 that depends on its arguments only. */
function chance(a: number, b: number): number {
  const x = Math.sin(a * 12.9898 + b * 78.233) * 43_758.5453;
  return x - Math.floor(x);
}

const at = (ms: number) => new Date(ms).toISOString();
const hourOf = (text: string) => Date.parse(`2026-03-${text}:00:00Z`);

/** The orders of an hour: more of them by day than by night. */
function orders(hourMs: number): Sent[] {
  const hour = new Date(hourMs).getUTCHours();
  const count = 2 + Math.round(6 * Math.max(0, Math.sin(((hour - 6) * Math.PI) / 14)) + 2 * chance(hourMs / HOUR, 1));
  return Array.from({ length: count }, (_, n) => ({
    source: 'checkout',
    event_type: 'order.placed',
    entity_id: `order-${hourMs / HOUR}-${n}`,
    event_time: at(hourMs + Math.floor(chance(hourMs / HOUR, n + 2) * (HOUR - 60_000))),
    idempotency_key: `order-${hourMs / HOUR}-${n}`,
    payload: {
      total_cents: 900 + Math.round(chance(n, hourMs / HOUR) * 8000),
      customer: `user_${n % 5}`,
      release: '2.3.0',
    },
  }));
}

/** A scan of the warehouse at five past each hour; on the 11th its clock lost the offset for three hours, and it stopped for two. */
function scan(hourMs: number): Sent[] {
  if (hourMs >= hourOf('11T05') && hourMs < hourOf('11T07')) return [];
  const broken = hourMs >= hourOf('11T02') && hourMs < hourOf('11T05');
  const event_time = at(hourMs + 5 * 60_000);
  return [
    {
      source: 'warehouse',
      event_type: 'parcel.scanned',
      entity_id: `belt-${(hourMs / HOUR) % 4}`,
      event_time: broken ? event_time.replace('Z', '') : event_time,
      payload: { parcels: 20 + ((hourMs / HOUR) % 17) },
    },
  ];
}

/** A payment at ten past and twenty to; none since the 15th, 02:00. */
function payments(hourMs: number): Sent[] {
  if (hourMs >= hourOf('15T02')) return [];
  return [10, 40].map((minute) => ({
    source: 'payments',
    event_type: 'payment.captured',
    entity_id: `payment-${hourMs / HOUR}-${minute}`,
    event_time: at(hourMs + minute * 60_000),
    idempotency_key: `payment-${hourMs / HOUR}-${minute}`,
    payload: { amount_cents: 1000 + minute },
  }));
}

/** The invoices of the day before, in one batch in the night. */
function invoices(hourMs: number): Sent[] {
  if (new Date(hourMs).getUTCHours() !== 3) return [];
  return Array.from({ length: 24 }, (_, hour) => ({
    source: 'partner',
    event_type: 'invoice.issued',
    entity_id: `invoice-${hourMs / HOUR}-${hour}`,
    event_time: at(hourMs - 27 * HOUR + hour * HOUR),
    payload: { number: hour },
  }));
}

/** The requests of an hour, each with the time after its start at which it arrives. */
function requests(hourMs: number): (readonly [afterMs: number, events: readonly Sent[]])[] {
  const placed = orders(hourMs);
  // A batch of the 13th waits for six hours after midnight.
  const late = hourMs >= hourOf('13T20') && hourMs < hourOf('14T00');
  const storm = hourMs >= hourOf('12T14') && hourMs < hourOf('12T17');
  const paid = payments(hourMs);
  const [first] = paid;
  const conflict =
    first !== undefined && hourMs === hourOf('09T10') ? [{ ...first, payload: { amount_cents: 1 } }] : [];
  return [
    [late ? hourOf('14T06') - hourMs : HOUR, placed],
    ...(storm ? Array.from({ length: 4 }, (_, n) => [HOUR + n * 60_000, placed] as const) : []),
    [6 * 60_000, scan(hourMs)],
    [41 * 60_000, [...paid, ...conflict]],
    [0, invoices(hourMs)],
  ];
}

/** Sends the two weeks in the order of their arrival, and replays one day before and after its late batch. */
export async function tellStory({ app, clock }: StoryKit): Promise<void> {
  const arrivals: { readonly ms: number; readonly events: readonly Sent[] }[] = [];
  for (let hourMs = START; hourMs < STORY_END - HOUR; hourMs += HOUR)
    for (const [afterMs, events] of requests(hourMs))
      if (events.length > 0) arrivals.push({ ms: hourMs + afterMs, events });
  arrivals.sort((a, b) => a.ms - b.ms);
  let replayed = 0;
  for (const { ms, events } of arrivals) {
    if (replayed === 0 && ms >= hourOf('14T01')) replayed = await replayDay(app, 'revenue of the day, at its end');
    clock.ms = ms;
    await send(app, '/ingest', events);
  }
  clock.ms = STORY_END;
}

async function replayDay(app: App, reason: string): Promise<number> {
  const [start_time, end_time] = [`${REVENUE_DAY}T00:00:00Z`, '2026-03-14T00:00:00Z'];
  const { replay_id } = (await send(app, '/replay', { source: 'checkout', start_time, end_time, reason })) as {
    replay_id: string;
  };
  for (;;) {
    const view = (await send(app, `/replays/${replay_id}`)) as { windows: { touched: number; done: number } };
    if (view.windows.touched > 0 && view.windows.done === view.windows.touched) return 1;
    await new Promise((done) => setTimeout(done, 5));
  }
}

async function send(app: App, path: string, body?: object): Promise<unknown> {
  const json = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await app.fetch(new Request(`http://127.0.0.1${path}`, body === undefined ? {} : json));
  if (response.status >= 300) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}
