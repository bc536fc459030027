import { MS_PER_HOUR, packStoredMs, type QuestionName, type SelectionOf } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { createQuestionContext } from '../../src/api/question-context.ts';
import { seriesLags } from '../../src/explain/series-lags.ts';
import type { Backend } from '../../src/ports/backend.ts';
import { type Closing, createClosedHours } from '../support/closed-hours.ts';

// A report must not change when hours are closed: for any life, closing, range, as-of time, basis, zone and grouping, the answer
// from cells, receipts of closed hours and open slices equals the answer from all slices.

const MINUTE = 60_000;
const GRAIN_MS = { minute: MINUTE, hour: MS_PER_HOUR, day: 24 * MS_PER_HOUR };
/** The night in which clocks in Europe are set forward. */
const START = Date.UTC(2026, 2, 28, 20, 50);

const record = fc.record({
  source: fc.constantFrom('a', 'b'),
  event_type: fc.constantFrom('x', 'y'),
  entity: fc.nat(3),
  key: fc.option(fc.nat(6)),
  value: fc.constantFrom(1, 1, 1, 2),
  /** Before its receipt, in steps of ten minutes, and exactly on bounds or just next to them. */
  lag: fc.oneof(fc.nat(3), fc.integer({ min: -6, max: 240 })),
  ms: fc.constantFrom(0, 0, 1, 59_999, 30_000),
  sent: fc.option(fc.nat(2_000)),
  /** Claimed time of an import, in ten minutes before it. */
  claim: fc.nat(300),
});
const request = fc.record({
  imported: fc.nat(3).map((n) => n === 0),
  wait: fc.oneof(fc.nat(20), fc.nat(300)),
  records: fc.array(record, { minLength: 1, maxLength: 6 }),
  late: fc.nat(9).map((n) => n === 0),
});
const lives = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 25 }),
  /** Which hours are closed: all up to a time, but not some of them. */
  closedShare: fc.double({ min: 0, max: 1.1, noNaN: true }),
  open: fc.array(fc.nat(60), { maxLength: 4 }),
  damaged: fc.oneof(fc.constant<number[]>([]), fc.array(fc.nat(60), { maxLength: 4 })),
  withDays: fc.boolean(),
  withIdentities: fc.nat(4).map((n) => n > 0),
});
type Life = typeof lives extends fc.Arbitrary<infer T> ? T : never;

interface Lived {
  readonly plain: Pipeline;
  /** With closed hours. */
  readonly backend: Backend;
  readonly closed: Pipeline;
}

async function live({ requests, closedShare, open, damaged, withDays, withIdentities }: Life): Promise<Lived> {
  const clock = createTestClock(START);
  const backend = createMemoryBackend(clock);
  const plain = createPipeline({ backend });
  const late = new Set<string>();
  for (const { imported, wait, records, late: isLate } of requests) {
    clock.ms += wait * MINUTE;
    const known = new Set(backend.packs.keys());
    const lines = records.map((one) => textOf(one, clock.ms, imported));
    await plain.ingest({
      body: new TextEncoder().encode(lines.join('\n')),
      format: 'ndjson',
      mode: imported ? 'import' : 'live',
      receivedMs: clock.ms,
      requestId: 'r',
      principal: null,
      dryRun: false,
    });
    for (const pack of backend.packs.keys()) if (isLate && !known.has(pack)) late.add(pack);
  }
  const until = START + closedShare * (clock.ms - START);
  clock.ms += 2 * MS_PER_HOUR;
  const stored = [...backend.packs.keys()].map((pack) => Math.floor(packStoredMs(pack) / MS_PER_HOUR));
  const first = Math.floor(START / MS_PER_HOUR);
  const hours = stored.filter((hour) => (hour + 1) * MS_PER_HOUR <= until && !open.includes(hour - first));
  const closing: Closing = {
    hours: new Set(hours),
    late,
    damaged: new Set(damaged.map((hour) => first + hour)),
    withDays,
    withIdentities,
  };
  const closedHours = createClosedHours(backend, () => closing);
  const withClosed = { ...backend, closedHours };
  return { plain, backend: withClosed, closed: createPipeline({ backend: withClosed }) };
}

function textOf(one: typeof record extends fc.Arbitrary<infer T> ? T : never, nowMs: number, imported: boolean) {
  const { source, event_type, entity, key, value, lag, ms, sent, claim } = one;
  const eventMs = Math.floor(nowMs / MINUTE) * MINUTE - lag * 10 * MINUTE + ms;
  const time = (at: number) => new Date(at).toISOString();
  return JSON.stringify({
    source,
    event_type,
    entity_id: `e${entity}`,
    event_time: time(eventMs),
    payload: { value },
    ...(key === null ? {} : { idempotency_key: `k${key}` }),
    ...(sent === null ? {} : { sent_at: time(eventMs + sent) }),
    ...(imported ? { received_at: time(nowMs - claim * 10 * MINUTE - ms) } : {}),
  });
}

/** Times around the life, on whole hours, on half ones and within them. */
const times = fc.option(
  fc.oneof(
    fc.integer({ min: -30, max: 30 }).map((hours) => Math.floor(START / MS_PER_HOUR + hours) * MS_PER_HOUR),
    fc.integer({ min: -3_600, max: 3_600 }).map((minutes) => START + minutes * MINUTE + 17),
  ),
);
const questions = fc.record({
  a: times,
  b: times,
  asOf: fc.oneof(fc.constant(null), times),
  basis: fc.constantFrom('event' as const, 'received' as const),
  time_zone: fc.constantFrom('UTC', 'UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/New_York'),
  source: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
  event_type: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
  include_imported: fc.boolean(),
  by: fc.constantFrom<NonNullable<SelectionOf<'lag'>['by']>[]>(
    [],
    ['source'],
    ['source', 'event_type'],
    ['day'],
    ['hour'],
    ['source', 'day'],
  ),
  grain: fc.constantFrom('hour' as const, 'day' as const, 'minute' as const),
  declared: fc.boolean(),
  late_over_ms: fc.constantFrom(7_200_000, 3_600_000, 1_234_567),
  worst: fc.constantFrom(10, 3, 11),
});
type Asked = typeof questions extends fc.Arbitrary<infer T> ? T : never;

function rangeOf({ a, b, asOf }: Asked) {
  const [from, to] = a !== null && b !== null && a > b ? [b, a] : [a, b];
  const time = (ms: number | null) => (ms === null ? undefined : new Date(ms));
  const end = to !== null && to === from ? to + 1 : to;
  return { start_time: time(from), end_time: time(end), as_of: time(asOf) };
}

async function same<Q extends QuestionName>(
  { plain, closed }: Lived,
  question: Q,
  selection: SelectionOf<Q>,
): Promise<void> {
  expect(await closed.ask(question, selection)).toEqual(await plain.ask(question, selection));
}

it('reports, and the lags behind the story of an event, are the same whatever hours are closed', async () => {
  await fc.assert(
    fc.asyncProperty(lives, fc.array(questions, { minLength: 4, maxLength: 8 }), async (life, asked) => {
      const lived = await live(life);
      for (const one of asked) {
        const { basis, time_zone, source, event_type, include_imported, by, grain, declared, late_over_ms, worst } =
          one;
        const base = { ...rangeOf(one), time_zone, source, event_type, limit: 100 };
        await same(lived, 'failures', { ...base, by });
        await same(lived, 'lag', { ...base, basis, by, include_imported, late_over_ms, worst });
        const event = { source: 'a', event_type: 'x', event_ms: START - one.late_over_ms };
        const lags = [lived.backend, { ...lived.backend, closedHours: undefined }].map((backend) =>
          seriesLags(createQuestionContext({ backend }), event, one.asOf ?? START + 24 * MS_PER_HOUR),
        );
        expect(await lags[0]).toEqual(await lags[1]);
        await same(lived, 'duplicates', { ...base, basis, by, include_imported, worst });
        const series = by.filter((name) => name === 'source' || name === 'event_type');
        await same(lived, 'completeness', { ...base, by: series, include_imported, closed_after_ms: MS_PER_HOUR });
        const cadence_ms = declared ? GRAIN_MS[grain] : undefined;
        await same(lived, 'gaps', {
          ...base,
          basis,
          by: series.length === 0 ? ['source'] : series,
          grain,
          cadence_ms,
          include_imported,
        });
      }
    }),
    runs(160),
  );
});

it('parts of a report add up to all of it, wherever a budget ends them', async () => {
  const budgets = fc.integer({ min: 1, max: 40 });
  await fc.assert(
    fc.asyncProperty(
      lives,
      fc.array(questions, { minLength: 2, maxLength: 4 }),
      budgets,
      async (life, asked, readMax) => {
        const { plain, backend } = await live(life);
        const listSlices = inPieces(backend, { size: 1 + (readMax % 3) });
        const pieces = { ...backend, index: { ...backend.index, listSlices } };
        const parts = createPipeline({ backend: pieces, questions: { readMax } });
        for (const one of asked) {
          const { time_zone, source, event_type, include_imported } = one;
          const base = { ...rangeOf(one), time_zone, source, event_type, limit: 100 };
          const failures = { ...base, baseline_from: undefined };
          const counted = { receipts: 0, failures: 0 };
          for await (const answer of pagesOf(parts, 'failures', failures)) {
            counted.receipts += answer.receipts;
            counted.failures += answer.failures;
          }
          expect(counted).toEqual(pick(await plain.ask('failures', failures)));
          const duplicates = { ...base, include_imported };
          const repeats = { receipts: 0, duplicates: 0, conflicts: 0 };
          for await (const { total } of pagesOf(parts, 'duplicates', duplicates)) addFigures(repeats, total);
          const all = { receipts: 0, duplicates: 0, conflicts: 0 };
          addFigures(all, (await plain.ask('duplicates', duplicates)).total);
          expect(repeats).toEqual(all);
          const completeness = { ...base, include_imported, closed_after_ms: MS_PER_HOUR };
          const days = new Map<string, number>();
          for await (const answer of pagesOf(parts, 'completeness', { ...completeness, limit: 1 }))
            addDays(days, answer.days);
          const whole = new Map<string, number>();
          addDays(whole, (await plain.ask('completeness', completeness)).days);
          expect(days).toEqual(whole);
        }
      },
    ),
    runs(160),
  );
});

/** Pages of a few slices: places among all slices are their cursors, so that a day may be divided. */
function inPieces({ index }: Backend, { size }: { size: number }): Backend['index']['listSlices'] {
  return async ({ cursor, until, fromDay, toDay, ...query }) => {
    const { items } = await index.listSlices({ ...query, fromDay: -4_000_000, toDay: 4_000_000 });
    const [start, end] = [Number(cursor ?? 0), Number(until ?? items.length)];
    const places = [...items.keys()].slice(start, end);
    const wanted = places.filter((at) => (items[at]?.event_day ?? 0) >= fromDay && (items[at]?.event_day ?? 0) < toDay);
    const page = wanted.slice(0, size);
    const next = wanted.length > size ? String((page.at(-1) ?? 0) + 1) : null;
    return { items: page.flatMap((at) => items[at] ?? []), next };
  };
}

const pick = ({ receipts, failures }: { receipts: number; failures: number }) => ({ receipts, failures });

function addDays(sums: Map<string, number>, days: readonly { series: unknown; day: string; events: number }[]): void {
  for (const { series, day, events } of days) {
    const key = JSON.stringify([series, day]);
    sums.set(key, (sums.get(key) ?? 0) + events);
  }
}

type Figures = Record<'receipts' | 'duplicates' | 'conflicts', number>;

function addFigures(sums: Figures, total: Figures | null): void {
  if (total === null) return;
  sums.receipts += total.receipts;
  sums.duplicates += total.duplicates;
  sums.conflicts += total.conflicts;
}

async function* pagesOf<Q extends 'failures' | 'completeness' | 'duplicates'>(
  pipeline: Pipeline,
  question: Q,
  selection: SelectionOf<Q>,
) {
  let cursor: string | undefined;
  do {
    const answer = await pipeline.ask(question, { ...selection, cursor });
    yield answer;
    cursor = answer.next_cursor ?? undefined;
  } while (cursor !== undefined);
}
