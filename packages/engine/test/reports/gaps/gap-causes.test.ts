import { dailyEventCount } from '@pik/aggregates';
import type { SelectionOf } from '@pik/schema';
import { createMemoryBackend, createTestClock, type TestClock } from '@pik/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPipeline } from '../../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../../src/api/pipeline.ts';

// One meter that is read once an hour and received in real time, and the possible causes of a missing hour.

const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 5);
const PRODUCER = '01890a5d-ac96-774b-bcce-b302099a8057';

const HOURS: SelectionOf<'gaps'> = {
  start_time: new Date(START),
  end_time: new Date(START + 240 * HOUR),
  basis: 'event',
  by: ['source', 'event_type'],
  include_imported: false,
  grain: 'hour',
  time_zone: 'UTC',
  limit: 100,
};

let clock: TestClock;
let pipeline: Pipeline;
beforeEach(() => {
  clock = createTestClock(START);
  pipeline = createPipeline({ backend: createMemoryBackend(clock) });
});
afterEach(() => pipeline.close());

async function send(records: readonly object[], mode: 'live' | 'import' = 'live') {
  const body = new TextEncoder().encode(records.map((record) => JSON.stringify(record)).join('\n'));
  const request = {
    format: 'ndjson',
    mode,
    receivedMs: clock.now(),
    requestId: 'r',
    principal: null,
    dryRun: false,
  } as const;
  return pipeline.ingest({ body, ...request });
}

let seq = 0;
const reading = (hour: number, rest: object = {}) => ({
  source: 'plant',
  event_type: 'meter.read',
  entity_id: 'meter',
  event_time: new Date(START + hour * HOUR + 60_000).toISOString(),
  payload: { hour },
  producer: { id: PRODUCER, seq: ++seq },
  ...rest,
});

/** Sends a reading each hour, two minutes after it was taken; `instead` runs in hour 100. */
async function run(instead: (hour: number) => Promise<unknown>): Promise<void> {
  seq = 0;
  for (let hour = 0; hour < 240; hour++) {
    clock.ms = START + hour * HOUR + 180_000;
    if (hour === 100) await instead(hour);
    else await send([reading(hour)]);
  }
  clock.ms = START + 241 * HOUR;
}

async function theGap(query: SelectionOf<'gaps'> = {}) {
  const { gaps } = await pipeline.ask('gaps', { ...HOURS, ...query });
  const own = gaps.filter(({ series }) => series.event_type === 'meter.read');
  expect(own).toHaveLength(1);
  expect(own[0]).toMatchObject({ windows: 1, start_time: '2026-01-09T04:00:00.000000000Z' });
  return own[0];
}

describe('the cause of a gap', () => {
  it('NOT_RECEIVED: no evidence explains more', async () => {
    await run(async () => {});
    expect(await theGap()).toMatchObject({ state: 'MISSING', cause: 'NOT_RECEIVED' });
  });

  it('REJECTED: its receipts were refused, and are named', async () => {
    await run((hour) => send([reading(hour, { event_time: 'yesterday' })]));
    const found = await theGap();
    expect(found).toMatchObject({ cause: 'REJECTED' });
    const [first] = found?.findings[0]?.evidence ?? [];
    const { receipt } = await pipeline.receipt({ pack_id: first?.pack_id ?? '', line: first?.line ?? -1 });
    expect(receipt.reject_code).toBe('TIME_INVALID');
  });

  it('LATE: as of a time before the event came; and by a backfill that is not counted', async () => {
    await run(async () => {});
    clock.ms += HOUR;
    await send([reading(100)]);
    expect(await theGap({ as_of: new Date(clock.ms - 1) })).toMatchObject({ cause: 'LATE' });
    expect((await pipeline.ask('gaps', HOURS)).gaps).toEqual([]);
  });

  it('LATE: by a backfill that is not counted; there is no gap if it is', async () => {
    await run(async () => {});
    await send([reading(100, { received_at: '2026-01-09T04:05:00Z' })], 'import');
    expect(await theGap()).toMatchObject({ cause: 'LATE' });
    expect((await pipeline.ask('gaps', { ...HOURS, include_imported: true })).gaps).toEqual([]);
  });

  it('LOST_IN_TRANSIT: the producer made it, did not report it as dropped, and it never came', async () => {
    await run(async (hour) => void reading(hour));
    const found = await theGap();
    expect(found).toMatchObject({ cause: 'LOST_IN_TRANSIT' });
    expect(found?.findings[0]?.text).toContain('numbers 101');
    expect(found?.last_good?.event_id).toBe(found?.findings[0]?.evidence?.[0]?.event_id);
  });

  it('events that the producer reports as dropped are not lost in transit', async () => {
    await run(async (hour) => void reading(hour));
    await send([report({ dropped: [[101, 101]], last_seq: 240 })]);
    expect(await theGap()).toMatchObject({ cause: 'NOT_RECEIVED' });
  });

  it('a loss notice received after the as-of time excuses nothing', async () => {
    await run(async (hour) => void reading(hour));
    const as_of = new Date(clock.ms);
    clock.ms += HOUR;
    await send([report({ dropped: [[101, 101]], last_seq: 240 })]);
    expect(await theGap({ as_of })).toMatchObject({ cause: 'LOST_IN_TRANSIT' });
  });

  it('sequence numbers received after the as-of time count as missing', async () => {
    await run(async (hour) => void reading(hour));
    const as_of = new Date(clock.ms);
    clock.ms += HOUR;
    // Another event of the producer had the sequence number, so this series lost nothing.
    await send([reading(5, { event_type: 'meter.checked', producer: { id: PRODUCER, seq: 101 } })]);
    expect(await theGap({ as_of })).toMatchObject({ cause: 'LOST_IN_TRANSIT' });
    expect(await theGap()).toMatchObject({ cause: 'NOT_RECEIVED' });
  });

  it('SOURCE_WIDE: the other series of the source was silent too; if it was not, it is not evidence', async () => {
    await run(async () => {});
    const other = (hours: readonly number[]) =>
      send(hours.map((hour) => reading(hour, { event_type: 'meter.ping', producer: undefined })));
    await other(Array.from({ length: 240 }, (_, hour) => hour).filter((hour) => hour !== 100));
    expect(await theGap()).toMatchObject({ cause: 'SOURCE_WIDE' });
    await other([100]);
    expect(await theGap()).toMatchObject({ cause: 'NOT_RECEIVED' });
  });

  it('PENDING: a window younger than the usual lag has no cause yet; later it is missing', async () => {
    seq = 0;
    // One reading in forty comes a day late, so such a lag is usual; the reading of hour 230 never comes.
    const isLate = (hour: number) => hour % 40 === 20;
    for (let hour = 0; hour < 270; hour++) {
      clock.ms = START + hour * HOUR + 180_000;
      if (!isLate(hour) && hour !== 230) await send([reading(hour)]);
      if (hour >= 24 && isLate(hour - 24)) await send([reading(hour - 24)]);
    }
    const early = await pipeline.ask('gaps', { ...HOURS, as_of: new Date(START + 235 * HOUR) });
    expect(early.gaps.map(({ state, cause, start_time }) => [state, cause, start_time.slice(8, 13)])).toEqual([
      ['PENDING', null, '14T04'],
      ['PENDING', null, '14T14'],
    ]);
    const { gaps } = await pipeline.ask('gaps', { ...HOURS, as_of: new Date(START + 260 * HOUR) });
    expect(gaps).toMatchObject([{ state: 'MISSING', start_time: '2026-01-14T14:00:00.000000000Z' }]);
  });

  it('UNPROCESSED: the events are stored, and a version lacks them', async () => {
    await run((hour) => send([reading(hour)]));
    const query = { ...HOURS, metric: dailyEventCount.metric, key: 'meter', end_time: new Date(START + 48 * HOUR) };
    expect((await pipeline.ask('gaps', query)).gaps).toMatchObject([
      { state: 'MISSING', windows: 2, cause: 'UNPROCESSED', expected: 48 },
    ]);
    await pipeline.replay(
      {
        entity_id: 'meter',
        start_time: '2026-01-05T00:00:00Z',
        end_time: '2026-01-07T00:00:00Z',
        replay_id: '01890a5d-ac96-774b-bcce-b302099a8050',
      },
      { principal: null, requestId: 'r' },
    );
    while ((await pipeline.work()) !== 'IDLE');
    expect((await pipeline.ask('gaps', query)).gaps).toEqual([]);
    clock.ms += HOUR;
    await send([reading(30, { payload: { more: true } })]);
    expect((await pipeline.ask('gaps', query)).gaps).toMatchObject([
      { state: 'PARTIAL', windows: 1, count: 24, expected: 25, start_time: '2026-01-06T00:00:00.000000000Z' },
    ]);
  });
});

/** Several sources, each with its number of events an hour; those in `quiet` are silent from hour 100 to 105. */
async function runSources(
  perHour: Readonly<Record<string, number>>,
  quiet: readonly string[],
  meanwhile: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  for (let hour = 0; hour < 240; hour++) {
    clock.ms = START + hour * HOUR + HOUR - 1;
    const isQuiet = hour >= 100 && hour < 105;
    const records = Object.entries(perHour).flatMap(([source, count]) => {
      const times = Array.from({ length: count }, (_, i) => START + hour * HOUR + i * 1_000);
      if (isQuiet && quiet.includes(source)) return [];
      return times.map((ms) => ({
        source,
        event_type: 'beat',
        entity_id: 'e',
        event_time: new Date(ms).toISOString(),
        payload: {},
      }));
    });
    if (hour === 102) await meanwhile();
    if (records.length > 0) await send(records);
  }
  clock.ms = START + 241 * HOUR;
}

const refused = (source: string, count: number, rest: object = {}) =>
  send(
    Array.from({ length: count }, (_, i) => ({
      source,
      event_type: 'beat',
      entity_id: 'e',
      event_time: 'yesterday',
      payload: { i },
      ...rest,
    })),
  );

/** The causes of the only gap of a source, with the number of missing events that each explains. */
async function sharesOf(source: string, query: SelectionOf<'gaps'> = {}) {
  const { gaps } = await pipeline.ask('gaps', { ...HOURS, by: ['source'], ...query });
  const own = gaps.filter(({ series }) => (series.source ?? query.source) === source);
  expect(own).toHaveLength(1);
  expect(own[0]).toMatchObject({ windows: 5, cause: own[0]?.findings[0]?.code });
  return own[0]?.findings.map(({ code, explains }) => [code, explains?.by_this, explains?.missing]);
}

const ALL = { a: 8, b: 8, c: 8 };

describe('the causes of a gap', () => {
  it('ALL_SILENT: no other source sent anything either; one or two refused receipts explain only one or two events', async () => {
    await runSources(ALL, ['a', 'b', 'c'], () => refused('a', 2));
    expect(await sharesOf('a')).toEqual([
      ['ALL_SILENT', 38, 40],
      ['REJECTED', 2, 40],
    ]);
    expect(await sharesOf('b')).toEqual([['ALL_SILENT', 40, 40]]);
    // A question about one source still reads the others, by both kinds of time.
    for (const query of [{ source: 'a' }, { source: 'a', basis: 'received' }] as const)
      expect((await sharesOf('a', query))?.[0]).toEqual(['ALL_SILENT', 38, 40]);
    const { gaps } = await pipeline.ask('gaps', { ...HOURS, by: ['source'], basis: 'received' });
    expect(gaps.map(({ cause }) => cause)).toEqual(['ALL_SILENT', 'ALL_SILENT', 'ALL_SILENT']);
  });

  it('ALL_SILENT is not given if another source sent events, or if the others send too few to be missed', async () => {
    await runSources(ALL, ['a', 'b']);
    expect(await sharesOf('a')).toEqual([['NOT_RECEIVED', 40, 40]]);
    expect(await sharesOf('a', { source: 'a' })).toEqual([['NOT_RECEIVED', 40, 40]]);
  });

  it('receipts of other sources from one import over the whole time count as sent in the gap', async () => {
    await runSources({ a: 8 }, ['a']);
    const others = (fromHour: number, toHour: number) =>
      Array.from({ length: (toHour - fromHour) * 4 }, (_, i) => ({
        source: 'b',
        event_type: 'beat',
        entity_id: 'e',
        event_time: new Date(START).toISOString(),
        payload: { fromHour, i },
        received_at: new Date(START + fromHour * HOUR + (i * HOUR) / 4).toISOString(),
      }));
    // Neither begins in the gap, and the first one has events in it.
    await send(others(90, 110), 'import');
    await send(others(112, 120), 'import');
    const query = { basis: 'received', include_imported: true, source: 'a' } as const;
    expect(await sharesOf('a', query)).toEqual([['NOT_RECEIVED', 40, 40]]);
  });

  it('the only source is not evidence for its own silence', async () => {
    await runSources({ a: 8 }, ['a']);
    expect(await sharesOf('a')).toEqual([['NOT_RECEIVED', 40, 40]]);
  });

  it('refused receipts as many as the missing events explain all of them', async () => {
    await runSources(ALL, ['a'], () => refused('a', 50));
    expect(await sharesOf('a')).toEqual([['REJECTED', 40, 40]]);
  });

  it('the cause that explains most comes first, and unexplained events are counted too', async () => {
    await runSources(ALL, ['a'], async () => {
      await refused('a', 3);
      const late = Array.from({ length: 30 }, (_, i) => ({
        source: 'a',
        event_type: 'beat',
        entity_id: 'e',
        event_time: new Date(START + 101 * HOUR + i).toISOString(),
        payload: {},
        received_at: new Date(START + 300 * HOUR).toISOString(),
      }));
      // Imported after the as-of time.
      const now = clock.ms;
      clock.ms = START + 300 * HOUR;
      await send(late, 'import');
      clock.ms = now;
    });
    expect(await sharesOf('a')).toEqual([
      ['LATE', 30, 40],
      ['NOT_RECEIVED', 7, 40],
      ['REJECTED', 3, 40],
    ]);
  });

  it('conflicts and other failures of that time do not crowd out refused receipts', async () => {
    await runSources(ALL, ['a'], async () => {
      await refused('a', 40);
      for (let part = 0; part < 3; part++)
        await send(
          Array.from({ length: 500 }, (_, i) => ({
            source: 'c',
            event_type: 'beat',
            entity_id: 'e',
            event_time: new Date(START + 102 * HOUR).toISOString(),
            idempotency_key: 'one',
            payload: { part, i },
          })),
        );
    });
    expect(await sharesOf('a')).toEqual([['REJECTED', 40, 40]]);
  });

  it('unreadable receipts are reported next to the causes, since some may belong to the series', async () => {
    await runSources(ALL, ['a'], () => refused('', 5));
    expect(await sharesOf('a')).toEqual([
      ['NOT_RECEIVED', 40, 40],
      ['REJECTED_UNREADABLE', undefined, undefined],
    ]);
  });

  it('SOURCE_WIDE and ALL_SILENT: the wider cause is reported', async () => {
    await runSources(ALL, ['a', 'b', 'c']);
    expect(await sharesOf('a', { by: ['source', 'event_type'] })).toEqual([['ALL_SILENT', 40, 40]]);
  });

  it('UNPROCESSED: each window has its share of the events that the versions lack', async () => {
    await run((hour) => send([reading(hour)]));
    const query = { ...HOURS, metric: dailyEventCount.metric, key: 'meter', end_time: new Date(START + 48 * HOUR) };
    const { gaps } = await pipeline.ask('gaps', query);
    expect(gaps[0]?.findings.map(({ explains }) => explains)).toEqual([
      { missing: 48, by_this: 24, share: 0.5 },
      { missing: 48, by_this: 24, share: 0.5 },
    ]);
  });
});

const report = (payload: object) => ({
  source: 'plant',
  event_type: 'pik.producer.report',
  entity_id: PRODUCER,
  event_time: new Date(clock.now()).toISOString(),
  payload,
});
