import type { SelectionOf } from '@pik/schema';
import { createMemoryBackend, createTestClock, type TestClock } from '@pik/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';

// Lag, repeats and completeness of live streams with figures known by construction.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 5);

let clock: TestClock;
let pipeline: Pipeline;
beforeEach(() => {
  clock = createTestClock(START);
  pipeline = createPipeline({ backend: createMemoryBackend(clock) });
});
afterEach(() => pipeline.close());

const EVERYTHING: SelectionOf<'lag'> = {
  basis: 'event',
  by: ['source'],
  include_imported: false,
  limit: 100,
  late_over_ms: 2 * HOUR,
};

let made = 0;
const event = (ms: number, rest: object = {}) => ({
  source: 'app',
  event_type: 'seen',
  entity_id: 'e',
  event_time: new Date(ms).toISOString(),
  payload: { made: ++made },
  ...rest,
});

function send(...records: object[]) {
  const request = {
    format: 'ndjson',
    mode: 'live',
    receivedMs: clock.now(),
    requestId: 'r',
    principal: null,
    dryRun: false,
  } as const;
  const body = new TextEncoder().encode(records.map((record) => JSON.stringify(record)).join('\n'));
  return pipeline.ingest({ body, ...request });
}

describe('lag', () => {
  it('is split if events have a sent time, and order is counted by request', async () => {
    clock.ms = START + HOUR;
    const sent = (ms: number) => event(ms, { sent_at: new Date(clock.ms - 400).toISOString() });
    // Order within one request has no meaning.
    await send(sent(clock.ms - 1_000), sent(clock.ms - 2_000), event(clock.ms - 5_000));
    clock.ms += HOUR;
    await send(event(START), event(clock.ms - 10));
    await send(event(START + 30 * 60_000, { source: 'other' }));
    const { details, groups, worst, partial } = await pipeline.ask('lag', EVERYTHING);
    expect(partial).toBe(false);
    // The event of the other source came after later events, but not after those of its own series.
    expect(details?.out_of_order).toEqual({ series: 1, over_all: 2 });
    expect(details?.produce).toMatchObject({ count: 2, max_ms: 1_600 });
    expect(details?.transport).toMatchObject({ count: 2, p50_ms: 400, max_ms: 400 });
    const other = groups.find(({ group }) => group.source === 'other');
    expect(other?.details).toEqual({ out_of_order: { series: 0, over_all: 1 }, produce: null, transport: null });
    expect(worst[0]?.event_time).toBe('2026-01-05T00:00:00.000000000Z');
    expect(worst).toHaveLength(6);
    expect((await pipeline.ask('lag', { ...EVERYTHING, worst: 2 })).worst).toEqual(worst.slice(0, 2));
  });

  it('names the source with a wrong clock, and the event with the lowest lag', async () => {
    for (let day = 0; day < 8; day++) {
      clock.ms = START + day * DAY + 12 * HOUR;
      await send(
        event(clock.ms - 5 * HOUR - 2_000, { source: 'zone' }),
        event(clock.ms - 2_000),
        event(clock.ms + 90_000, { source: 'fast' }),
      );
    }
    const { groups } = await pipeline.ask('lag', EVERYTHING);
    const found = Object.fromEntries(groups.map(({ group, findings }) => [group.source, findings]));
    expect(found).toMatchObject({ zone: [{ code: 'TIME_ZONE_FAULT' }], app: [], fast: [{ code: 'CLOCK_AHEAD' }] });
    const evidence = found.fast?.[0]?.evidence?.[0];
    const story = await pipeline.explainEvent({ event_id: evidence?.event_id ?? '' }, { asOfMs: null });
    expect(story.event).toMatchObject({
      source: 'fast',
      lag_ms: -90_000,
      pack_id: evidence?.pack_id,
      line: evidence?.line,
    });
  });
});

describe('duplicates', () => {
  it('names a storm with its first and last repeat, and the event received most often', async () => {
    const kept: object[] = [];
    for (let hour = 0; hour < 48; hour++) {
      clock.ms = START + hour * HOUR;
      const fresh = Array.from({ length: 40 }, () => event(clock.ms - 1_000, { idempotency_key: `k${made}` }));
      kept.push(...fresh);
      await send(...fresh);
      if (hour === 30) {
        clock.ms += 60_000;
        await send(...kept.slice(0, 60));
        clock.ms += 60_000;
        await send(kept[0] as object);
      }
    }
    const { total, storms, worst } = await pipeline.ask('duplicates', EVERYTHING);
    expect(total).toMatchObject({ receipts: 48 * 40 + 61, duplicates: 61, entities: 1 });
    expect(storms).toMatchObject([
      {
        source: 'app',
        start_time: '2026-01-06T06:01:00.000000000Z',
        end_time: '2026-01-06T06:02:00.000000000Z',
        repeats: 61,
        receipts: 101,
      },
    ]);
    expect(worst[0]).toMatchObject({
      repeats: 2,
      event: { idempotency_key: (kept[0] as { idempotency_key: string }).idempotency_key },
    });
    expect((await pipeline.ask('duplicates', { ...EVERYTHING, as_of: new Date(START + 30 * HOUR) })).storms).toEqual(
      [],
    );
  });
});

describe('completeness', () => {
  it('has the share received by each age, and forecasts an open day from the closed ones', async () => {
    // On each day eight events come at once, and two ten hours after its end.
    for (let day = 0; day < 20; day++) {
      for (let i = 0; i < 8; i++) {
        clock.ms = START + day * DAY + (2 + i) * HOUR;
        await send(event(clock.ms - 1_000));
      }
      clock.ms = START + day * DAY + 10 * HOUR;
      if (day > 0) await send(event(START + (day - 1) * DAY + 5 * HOUR), event(START + (day - 1) * DAY + 6 * HOUR));
    }
    const as_of = new Date(START + 20 * DAY + HOUR);
    const query = { ...EVERYTHING, by: [], closed_after_ms: 3 * DAY, as_of } as const;
    const { days, curves, partial } = await pipeline.ask('completeness', query);
    expect(partial).toBe(false);
    expect(curves[0]?.days).toBe(17);
    const shares = Object.fromEntries((days[3]?.arrived ?? []).map(({ after_ms, share }) => [after_ms / HOUR, share]));
    expect(shares).toMatchObject({ 0: 0.8, 6: 0.8, 12: 1, 24: 1 });
    expect(days[3]).toMatchObject({ state: 'CLOSED', events: 10, forecast: null });
    const last = days.at(-1);
    expect(last).toMatchObject({ day: '2026-01-24', state: 'OPEN', events: 8, forecast: { share: 0.8, events: 10 } });
    // Ten hours after its end, within the one percent of a histogram's buckets.
    const fullAt = Date.parse(last?.forecast?.full_at ?? '');
    expect(Math.abs(fullAt - (START + 20 * DAY + 10 * HOUR))).toBeLessThan(0.01 * 10 * HOUR);
    expect(
      (await pipeline.ask('completeness', { ...query, closed_after_ms: 18 * DAY })).days.at(-1)?.forecast,
    ).toBeNull();
  });
});
