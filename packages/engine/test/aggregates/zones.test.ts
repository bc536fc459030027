import { dateIn, type SelectionOf } from '@pik/schema';
import { createMemoryBackend, createTestClock, type TestClock } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Around the change of clocks in New York on 2026-03-08. */
const START = Date.UTC(2026, 2, 5);
const ZONE = 'America/New_York';

let clock: TestClock;
let pipeline: Pipeline;
beforeEach(() => {
  clock = createTestClock(START);
  pipeline = createPipeline({ backend: createMemoryBackend(clock) });
});

interface Sent {
  readonly eventMs: number;
  readonly receivedMs: number;
}

async function send(sent: readonly Sent[], mode: 'live' | 'import' = 'live'): Promise<void> {
  const records = sent.map(({ eventMs, receivedMs }, i) => ({
    source: 'app',
    event_type: 'thing',
    entity_id: `e${i % 3}`,
    event_time: new Date(eventMs).toISOString(),
    payload: { i },
    ...(mode === 'import' ? { received_at: new Date(receivedMs).toISOString() } : {}),
  }));
  const { counts } = await pipeline.ingest({
    body: new TextEncoder().encode(JSON.stringify(records)),
    format: 'json',
    mode,
    receivedMs: clock.now(),
    requestId: 'r',
    principal: null,
    dryRun: false,
  });
  expect(counts).toEqual({ ACCEPTED: sent.length });
}

const ALL: SelectionOf<'lag'> = {
  basis: 'event',
  by: ['day'],
  include_imported: true,
  limit: 100,
};

describe('days of a time zone', () => {
  it('follow its calendar, in lag by event and by receive time, and in completeness', async () => {
    const times = fc.array(
      fc.record({
        eventMs: fc.integer({ min: START, max: START + 6 * DAY }),
        lagMs: fc.integer({ min: 0, max: 2 * DAY }),
      }),
      { minLength: 1, maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(times, fc.constantFrom(ZONE, 'Asia/Kolkata', 'UTC'), async (drawn, timeZone) => {
        clock = createTestClock(START + 30 * DAY);
        pipeline = createPipeline({ backend: createMemoryBackend(clock) });
        const sent = drawn.map(({ eventMs, lagMs }) => ({ eventMs, receivedMs: eventMs + lagMs }));
        await send(sent, 'import');
        const counts = (ms: (one: Sent) => number) => {
          const byDay = Map.groupBy(sent, (one) => dateIn(timeZone, ms(one)));
          return [...byDay].map(([day, of]) => [day, of.length]).sort();
        };
        for (const basis of ['event', 'received'] as const) {
          const { groups, range } = await pipeline.ask('lag', {
            ...ALL,
            basis,
            time_zone: timeZone,
            late_over_ms: HOUR,
          });
          const found = groups.map(({ group, figures }) => [group.day, figures.count]).sort();
          expect(found).toEqual(counts((one) => (basis === 'event' ? one.eventMs : one.receivedMs)));
          expect(range.time_zone).toBe(timeZone);
        }
        const { days } = await pipeline.ask('completeness', {
          ...ALL,
          by: [],
          time_zone: timeZone,
          closed_after_ms: 7 * DAY,
        });
        expect(days.map(({ day, events }) => [day, events])).toEqual(counts(({ eventMs }) => eventMs));
      }),
      runs(60),
    );
  });

  it('end by local time: an event received at 23:30 local time is on time although the day has ended in UTC', async () => {
    // 2026-03-06 in New York: from 05:00Z to 05:00Z on the next day.
    const eventMs = Date.UTC(2026, 2, 7, 4, 0);
    clock.ms = START + 30 * DAY;
    await send([{ eventMs, receivedMs: Date.UTC(2026, 2, 7, 4, 30) }], 'import');
    const of = async (timeZone: string) =>
      (await pipeline.ask('completeness', { ...ALL, by: [], time_zone: timeZone, closed_after_ms: 7 * DAY })).days[0];
    expect(await of(ZONE)).toMatchObject({ day: '2026-03-06', full_after_ms: expect.closeTo(-HOUR / 2, -4) });
    expect(await of('UTC')).toMatchObject({ day: '2026-03-07' });
  });

  it('name hours by their UTC instant, also in a zone with an offset of half an hour', async () => {
    clock.ms = START + 30 * DAY;
    await send([{ eventMs: Date.UTC(2026, 2, 6, 10, 45), receivedMs: Date.UTC(2026, 2, 6, 11) }], 'import');
    const hourIn = async (timeZone: string) =>
      (await pipeline.ask('lag', { ...ALL, by: ['hour'], time_zone: timeZone, late_over_ms: HOUR })).groups[0]?.group
        .hour;
    expect([await hourIn('UTC'), await hourIn('Asia/Kolkata')]).toEqual(['2026-03-06T10:00Z', '2026-03-06T10:30Z']);
  });
});

describe('an empty answer names the filter that excluded everything', () => {
  const lag = async (query: SelectionOf<'lag'>) =>
    (await pipeline.ask('lag', { ...ALL, include_imported: false, ...query, late_over_ms: HOUR })).empty;

  it('of a report: nothing at all, source, type, as-of, range, imports', async () => {
    expect(await lag({})).toBe('The kit has no events yet.');
    clock.ms = START + DAY;
    await send([{ eventMs: START, receivedMs: START + HOUR }], 'import');
    expect(await lag({})).toMatch(/^Only imported receipts lie in the range \(1\), .*--include-imported/);
    expect(await lag({ source: 'apq' })).toBe('No event has the source apq; there are app.');
    expect(await lag({ source: 'app', event_type: 'x' })).toBe(
      'No event of source app has the type x; there are thing.',
    );
    expect(await lag({ as_of: new Date(START) })).toMatch(
      /^Nothing had been received by 2026-03-05T00:00:00.*first receipt was received at 2026-03-05T01/,
    );
    expect(await lag({ start_time: new Date(START + 3 * DAY) })).toMatch(
      /^None of 1 receipt lies in the range from 2026-03-08.*between 2026-03-05/,
    );
    expect(await lag({ include_imported: true })).toBeUndefined();
  });

  it('of imports too, if other receipts lie on the same day, with times without trailing zeros', async () => {
    clock.ms = START + DAY;
    const live = [START, START + 23 * HOUR].map((eventMs) => ({ eventMs, receivedMs: clock.ms }));
    await send(live);
    const range = { start_time: new Date(START + 10 * HOUR), end_time: new Date(START + 11 * HOUR) };
    expect(await lag(range)).toBe('No receipt matches all filters exactly.');
    await send([{ eventMs: START + 10.5 * HOUR, receivedMs: START + 11 * HOUR }], 'import');
    expect(await lag(range)).toMatch(/exactly\. 1 imported receipt lies in the range or near it,.*--include-imported/);
    expect(await lag({ ...range, include_imported: true })).toBeUndefined();
    expect(await lag({ start_time: new Date(START + 3 * DAY) })).toContain('from 2026-03-08T00:00:00Z of event time');
  });

  it('of every other answer too', async () => {
    clock.ms = START + DAY;
    await send([{ eventMs: START, receivedMs: START + HOUR }], 'import');
    const asked = { ...ALL, include_imported: false };
    const gaps = { ...asked, by: [], grain: 'hour', time_zone: 'UTC', limit: 10 } as const;
    const answers = [
      await pipeline.ask('duplicates', asked),
      await pipeline.ask('completeness', { ...asked, by: [], closed_after_ms: DAY }),
      await pipeline.ask('gaps', gaps),
    ];
    for (const { empty } of answers) expect(empty).toContain('imported');
    expect((await pipeline.ask('failures', { ...ALL, source: 'x' })).empty).toContain('there are app');
    const page = { start_time: null, end_time: null, asOfMs: null, limit: 10, cursor: null };
    const timeline = async (query: object) => (await pipeline.timeline({ entity_id: 'e0', ...page, ...query })).empty;
    expect(await timeline({ entity_id: 'nobody' })).toBe('No event of this entity is known.');
    expect(await timeline({ asOfMs: START })).toMatch(/^No event of the entity had been received by/);
    expect(await timeline({ start_time: '2026-04-01T00:00:00Z' })).toMatch(
      /first at 2026-03-05T00.*none in the range from 2026-04-01/,
    );
    expect(await timeline({})).toBeUndefined();
    const march = { start_time: '2026-03-01T00:00:00Z', end_time: '2026-04-01T00:00:00Z' };
    expect((await pipeline.ask('selection', { source: 'x', ...march })).empty).toContain('there are app');
  });
});
