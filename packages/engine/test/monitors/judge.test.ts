import { countOf, defineAggregate } from '@pik/aggregates';
import { judgeMonitor } from '@pik/engine/monitors';
import { type Monitor, monitorFault } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';

// Each kind of monitor over streams with one fault known by construction, judged by the reports of a real pipeline.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 5);

const perDay = defineAggregate({
  metric: 'orders_per_day',
  definition_version: 1,
  group_by: 'source',
  window: 'day',
  time_zone: 'UTC',
  reads_payload: false,
  ...countOf(() => true),
});

/** A pipeline whose clock a test moves. */
function world() {
  const clock = createTestClock(START);
  const pipeline = createPipeline({ backend: createMemoryBackend(clock), aggregates: [perDay] });
  let made = 0;
  const event = (ms: number, rest: object = {}) => ({
    source: 'shop',
    event_type: 'order',
    entity_id: 'e',
    event_time: new Date(ms).toISOString(),
    payload: { made: ++made },
    ...rest,
  });
  const send = (...records: object[]) =>
    pipeline.ingest({
      body: new TextEncoder().encode(records.map((record) => JSON.stringify(record)).join('\n')),
      ...{ format: 'ndjson', mode: 'live', requestId: 'r', principal: null, dryRun: false },
      receivedMs: clock.now(),
    });
  /** Sends events each hour, `count` of them. */
  const hours = async (from: number, to: number, count = 1) => {
    for (let hour = from; hour < to; hour++) {
      clock.ms = START + hour * HOUR + MINUTE;
      await send(...Array.from({ length: count }, (_, i) => event(clock.ms - 1_000 - i)));
    }
  };
  const judge = (monitor: Monitor) => {
    expect(monitorFault(monitor)).toBeNull();
    return judgeMonitor((name, given) => pipeline.ask(name, given), monitor, clock.ms);
  };
  return { clock, event, send, hours, judge };
}

describe('a monitor of silence', () => {
  it('finds a series that is silent for longer than chance, and it is over with the next event only', async () => {
    const { clock, event, send, hours, judge } = world();
    await hours(0, 20 * 24);
    const monitor: Monitor = { name: 'm', kind: 'silence' };
    expect((await judge(monitor)).findings).toEqual([]);
    clock.ms += 12 * HOUR;
    const { findings } = await judge(monitor);
    const [found] = findings;
    expect(found).toMatchObject({ subject: 'shop order', group: { source: 'shop', event_type: 'order' } });
    const since = found?.since ?? '';
    expect(Date.parse(since)).toBe(START + (20 * 24 - 1) * HOUR + MINUTE);
    expect(found?.sentence).toMatch(/^shop order: /);
    // The silence leaves the range: the series has no event in it any more.
    clock.ms += 300 * DAY;
    const later = await judge(monitor);
    expect([later.findings, later.isOver('shop order', since)]).toEqual([[], false]);
    await send(event(clock.ms));
    clock.ms += MINUTE;
    expect((await judge(monitor)).isOver('shop order', since)).toBe(true);
  });

  it('with a declared time finds a source that never sent anything', async () => {
    const { clock, event, send, judge } = world();
    const monitor: Monitor = { name: 'm', kind: 'silence', source: 'shop', after_ms: 2 * HOUR };
    expect((await judge(monitor)).findings).toMatchObject([{ subject: 'shop', since: null }]);
    await send(event(clock.ms));
    clock.ms += HOUR;
    const { findings, isOver } = await judge(monitor);
    expect([findings, isOver('shop', null)]).toEqual([[], true]);
    clock.ms += HOUR + 1;
    expect((await judge(monitor)).findings).toHaveLength(1);
  });
});

describe('a monitor of gaps', () => {
  it('finds an outage that has ended, for a day', async () => {
    const { clock, hours, judge } = world();
    await hours(0, 20 * 24);
    await hours(20 * 24 + 12, 20 * 24 + 20);
    const monitor: Monitor = { name: 'm', kind: 'gaps' };
    expect((await judge(monitor)).findings).toMatchObject([
      {
        subject: 'shop order',
        since: expect.stringContaining('2026-01-25'),
        command: expect.stringMatching(/^pik gaps --source shop/),
      },
    ]);
    await hours(20 * 24 + 20, 22 * 24);
    clock.ms = START + 22 * DAY;
    expect((await judge(monitor)).findings).toEqual([]);
  });
});

describe('a monitor of lag', () => {
  it('finds the series whose events arrive late, by quantile and by share', async () => {
    const { clock, event, send, judge } = world();
    clock.ms += DAY;
    await send(event(clock.ms - 3 * HOUR), event(clock.ms - 3 * HOUR), event(clock.ms, { event_type: 'visit' }));
    clock.ms += MINUTE;
    for (const bound of [{ p95_ms_max: HOUR }, { late_share_max: 0.5 }])
      expect((await judge({ name: 'm', kind: 'lag', ...bound })).findings).toMatchObject([{ subject: 'shop order' }]);
    expect((await judge({ name: 'm', kind: 'lag', p95_ms_max: 4 * HOUR })).findings).toEqual([]);
    clock.ms += 2 * HOUR;
    expect((await judge({ name: 'm', kind: 'lag', p95_ms_max: HOUR })).findings).toEqual([]);
  });
});

describe('a monitor of failures', () => {
  it('finds causes that exceed the count, and the share if one is declared', async () => {
    const { clock, event, send, judge } = world();
    await send(event(START), event(START), { source: 'shop', event_type: 'order' });
    clock.ms += MINUTE;
    expect((await judge({ name: 'm', kind: 'failures' })).findings).toMatchObject([
      {
        group: { source: 'shop', event_type: 'order', kind: 'REJECT', code: 'FIELD_MISSING' },
        sentence: expect.stringMatching(/^shop order: 1 failure among 3 receipts in the last 15 min: FIELD_MISSING, /),
      },
    ]);
    for (const more of [{ count_max: 1 }, { share_max: 0.5 }, { kinds: ['CONFLICT'] as const }])
      expect((await judge({ name: 'm', kind: 'failures', ...more })).findings).toEqual([]);
    clock.ms += HOUR;
    expect((await judge({ name: 'm', kind: 'failures' })).findings).toEqual([]);
  });
});

describe('a monitor of duplicates', () => {
  it('finds a storm, while it is recent', async () => {
    const { clock, event, send, hours, judge } = world();
    await hours(0, 48, 20);
    clock.ms = START + 48 * HOUR + MINUTE;
    const repeated = Array.from({ length: 60 }, (_, i) => event(clock.ms - i));
    await send(...repeated);
    for (let i = 0; i < 4; i++) await send(...repeated);
    clock.ms += MINUTE;
    expect((await judge({ name: 'm', kind: 'duplicates' })).findings).toMatchObject([
      { subject: 'shop order', sentence: expect.stringContaining('repeat an event') },
    ]);
    clock.ms += 4 * HOUR;
    expect((await judge({ name: 'm', kind: 'duplicates' })).findings).toEqual([]);
  });
});

describe('a monitor of drift', () => {
  it('finds a path that is gone, and a new one only if it is asked for', async () => {
    const { clock, event, send, judge } = world();
    const batch = (payload: (i: number) => object) =>
      send(...Array.from({ length: 200 }, (_, i) => event(clock.ms - i, { payload: payload(i) })));
    for (let day = 0; day < 4; day++, clock.ms += DAY) await batch((i) => ({ i, day, total: 5 }));
    await batch((i) => ({ i, day: 4, amount: 5 }));
    clock.ms += MINUTE;
    const subjects = async (monitor: Monitor) => (await judge(monitor)).findings.map(({ subject }) => subject);
    expect(await subjects({ name: 'm', kind: 'drift', recent_ms: HOUR })).toEqual(['shop order GONE payload.total']);
    expect(await subjects({ name: 'm', kind: 'drift', recent_ms: HOUR, kinds: ['NEW'] })).toEqual([
      'shop order NEW payload.amount',
    ]);
  });
});

describe('a monitor of completeness', () => {
  it('finds a day that stays below the same days of the weeks before, and a day without any event', async () => {
    const { clock, event, send, judge } = world();
    const monitor: Monitor = { name: 'm', kind: 'completeness' };
    // Five weeks of weekdays; the last Thursday is short, and the last Friday is missing.
    for (let day = 0; day < 35; day++) {
      clock.ms = START + day * DAY + 20 * HOUR;
      const isWeekend = day % 7 > 4;
      const count = isWeekend || day === 32 ? 0 : day === 31 ? 40 : 200;
      if (count > 0) await send(...Array.from({ length: count }, (_, i) => event(clock.ms - i * 1_000)));
    }
    clock.ms = START + 35 * DAY + 7 * HOUR;
    const { findings } = await judge(monitor);
    expect(findings.map(({ subject }) => subject).sort()).toEqual(['shop order 2026-02-05', 'shop order 2026-02-06']);
    expect(findings.find(({ subject }) => subject.endsWith('05'))?.sentence).toContain(
      'the forecast is 40 instead of the usual 200',
    );
  });
});

describe('a monitor of a metric', () => {
  it('finds a change beyond its bound, and values beyond others', async () => {
    const { clock, event, send, judge } = world();
    const counts = [100, 104, 40];
    for (const [day, count] of counts.entries()) {
      clock.ms = START + day * DAY + HOUR;
      await send(...Array.from({ length: count }, (_, i) => event(clock.ms - i)));
    }
    const monitor = { name: 'm', kind: 'metric', metric: 'orders_per_day', key: 'shop' } as const;
    clock.ms = START + 2 * DAY + 2 * HOUR;
    expect((await judge({ ...monitor, change_max: 0.2 })).findings).toEqual([]);
    clock.ms = START + 3 * DAY + 2 * HOUR;
    expect((await judge({ ...monitor, change_max: 0.2 })).findings).toMatchObject([
      {
        subject: 'orders_per_day of shop',
        sentence: expect.stringContaining('is 40 after 104: it changed by -61.5 %, more than 20 %'),
        command:
          'pik compute --metric orders_per_day --key shop --window 2026-01-07T00:00:00Z --as-of 2026-01-08T02:00:00Z',
      },
    ]);
    expect((await judge({ ...monitor, below: 50 })).findings).toHaveLength(1);
    expect((await judge({ ...monitor, above: 50 })).findings).toEqual([]);
    // Not before it has settled.
    expect((await judge({ ...monitor, below: 50, settle_ms: 3 * HOUR })).findings).toEqual([]);
  });

  it('cannot be judged if the server does not compute the metric', async () => {
    const { judge } = world();
    const monitor: Monitor = { name: 'm', kind: 'metric', metric: 'none', key: 'shop', above: 1 };
    await expect(judge(monitor)).rejects.toMatchObject({ code: 'METRIC_UNKNOWN' });
  });

  it('does not decide a value that is not a number', async () => {
    const { clock, judge } = world();
    clock.ms += 2 * DAY;
    const { findings, isOver } = await judge({
      name: 'm',
      kind: 'metric',
      metric: 'orders_per_day',
      key: 'shop',
      pointer: '/a',
      above: 1,
    });
    expect([findings, isOver('orders_per_day of shop', null)]).toEqual([[], false]);
  });
});
