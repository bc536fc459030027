import { KitError, type ReportOf, type SelectionOf } from '@pik/schema';
import { createMemoryBackend, createTestClock, type TestClock } from '@pik/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import type { Backend } from '../../src/ports/backend.ts';
import { type BudgetLimits, createBudget } from '../../src/runtime/budget.ts';

// The budget of one question, with limits that small worlds reach. Real time is never one of them here: a test moves
// the clock, or the limit is so large that no machine is that slow.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 5);
const NEVER_MS = 1e9;

describe('a budget', () => {
  it('is exhausted by time, by bytes or by rows, and says by which', () => {
    let ms = 0;
    const make = (limits: BudgetLimits) => createBudget({ ...limits, now: () => ms });
    const timed = make({ timeMs: 10 });
    ms = 9;
    expect([timed.spent(), timed.used()]).toEqual([null, { what: 'time', share: 0.9 }]);
    ms = 10;
    expect(timed.spent()).toBe('time');
    const reading = make({ readMax: 3, bytesMax: 100 });
    reading.read(2, 99);
    expect([reading.spent(), reading.used()]).toEqual([null, { what: 'bytes', share: 0.99 }]);
    reading.read(0, 1);
    expect(reading.spent()).toBe('bytes');
    const rows = make({ readMax: 3 });
    rows.read(3);
    expect(rows.spent()).toBe('read');
  });

  it('is due for a turn after some time, and rejects once nobody waits', async () => {
    let ms = 0;
    const gone = new AbortController();
    const budget = createBudget({ signal: gone.signal, now: () => ms });
    expect(budget.isDue()).toBe(false);
    ms = 10;
    expect(budget.isDue()).toBe(true);
    await budget.turn();
    expect(budget.isDue()).toBe(false);
    gone.abort();
    await expect(budget.turn()).rejects.toMatchObject({ code: 'CLIENT_GONE' });
  });

  it('rejects with the reason of the abort if it has a code, as the end of a function has', async () => {
    const signal = AbortSignal.abort(new KitError('BUDGET_EXCEEDED', 'no time left'));
    await expect(createBudget({ signal }).turn()).rejects.toMatchObject({
      code: 'BUDGET_EXCEEDED',
      message: 'no time left',
    });
  });

  it('of an answer that cannot be partial rejects once it is exhausted', async () => {
    const budget = createBudget({ whole: true, readMax: 1 });
    await budget.turn();
    budget.read(1);
    await expect(budget.turn()).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED' });
  });
});

let clock: TestClock;
let backend: Backend;
let pipeline: Pipeline;
beforeEach(() => {
  clock = createTestClock(START);
  backend = createMemoryBackend(clock);
  pipeline = createPipeline({ backend });
});
afterEach(() => pipeline.close());

/** The same data, under limits. */
const bounded = (questions: BudgetLimits, over: Backend = backend) =>
  createPipeline({ backend: over, questions: { timeMs: NEVER_MS, ...questions } });

const EVERYTHING: SelectionOf<'lag'> = {
  basis: 'event',
  by: ['source'],
  include_imported: false,
  limit: 100,
  late_over_ms: 2 * HOUR,
};

let made = 0;
const event = (ms: number, rest: object = {}) => ({
  source: `app_${made % 3}`,
  event_type: 'seen',
  entity_id: `e${made % 7}`,
  event_time: new Date(ms).toISOString(),
  payload: { made: ++made },
  ...rest,
});

function send(...records: object[]) {
  const body = new TextEncoder().encode(records.map((record) => JSON.stringify(record)).join('\n'));
  const request = { format: 'ndjson', mode: 'live', receivedMs: clock.now(), requestId: 'r', principal: null } as const;
  return pipeline.ingest({ body, dryRun: false, ...request });
}

/** Sends `perDay` requests a day, each with a current and an older event; some are sent twice, one in ten is refused. */
async function fill({ days, perDay }: { days: number; perDay: number }): Promise<void> {
  for (let day = 0; day < days; day++) {
    for (let n = 0; n < perDay; n++) {
      clock.ms = START + day * DAY + Math.floor((n * DAY) / perDay);
      const fresh = event(clock.ms - 1_000);
      const late = event(clock.ms - (n % 4) * DAY - 5_000);
      const refused = n % 10 === 0 ? [{ ...event(clock.ms), entity_id: undefined }] : [];
      await send(fresh, late, ...(n % 3 === 0 ? [fresh] : []), ...refused);
    }
  }
  clock.ms = START + days * DAY;
}

interface Paged {
  readonly next_cursor: string | null;
  readonly partial: boolean;
  readonly notes: readonly string[];
}

async function pagesOf<T extends Paged>(ask: (cursor: string | undefined) => Promise<T>): Promise<T[]> {
  const pages: T[] = [];
  let cursor: string | undefined;
  do {
    expect(pages.length).toBeLessThan(500);
    const page: T = await ask(cursor);
    pages.push(page);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return pages;
}

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);

describe.each(['event', 'received'] as const)('past the budget, by %s time,', (basis) => {
  // Each page of a part has the figures of the part: here a part is one page.
  const query = { ...EVERYTHING, basis, worst: 1_000 };

  it('lag covers the first days, its cursor the rest, and the counts add up', async () => {
    await fill({ days: 6, perDay: 30 });
    const whole = await pipeline.ask('lag', query);
    expect(whole).toMatchObject({ partial: false, covered: null, next_cursor: null });
    const small = bounded({ readMax: 150 });
    const pages = await pagesOf((cursor) => small.ask('lag', { ...query, cursor }));
    expect(pages.length).toBeGreaterThan(3);
    expect(sum(pages.map(({ total }) => total?.count ?? 0))).toBe(whole.total?.count);
    expect(sum(pages.map(({ total }) => total?.late_count ?? 0))).toBe(whole.total?.late_count);
    for (const { group, figures } of whole.groups) {
      const same = pages.flatMap(({ groups }) => groups.filter((one) => one.group.source === group.source));
      expect(sum(same.map(({ figures: { count } }) => count))).toBe(figures.count);
    }
    for (const { partial, notes, next_cursor } of pages.slice(0, -1)) {
      expect([partial, next_cursor !== null]).toEqual([true, true]);
      expect(notes).toEqual([
        expect.stringMatching(/exceeds the rows that one answer may read.*the next page continues$/),
      ]);
    }
    expectTiled(pages.map(({ covered }) => covered));
    expect(pages.at(-1)).toMatchObject({ partial: false, notes: [] });
  });

  it('duplicates, and completeness of its days, add up too', async () => {
    await fill({ days: 5, perDay: 30 });
    const whole = await pipeline.ask('duplicates', query);
    const small = bounded({ readMax: 150 });
    const pages = await pagesOf((cursor) => small.ask('duplicates', { ...query, cursor }));
    expect(pages.length).toBeGreaterThan(3);
    for (const name of ['receipts', 'events', 'duplicates', 'conflicts'] as const)
      expect(sum(pages.map(({ total }) => total?.[name] ?? 0))).toBe(whole.total?.[name]);
    // Repeats of an event lie within its day, so each event is named once.
    expect(sum(pages.map(({ worst_total }) => worst_total))).toBe(whole.worst_total);
    expectTiled(pages.map(({ covered }) => covered));
    const days = { ...query, by: ['source'] as const, closed_after_ms: DAY };
    const all = await pipeline.ask('completeness', days);
    const parts = await pagesOf((cursor) => small.ask('completeness', { ...days, cursor }));
    expect(parts.length).toBeGreaterThan(1);
    const counts = (of: readonly (typeof all)[]) =>
      of.flatMap((page) => page.days.map(({ day, series, events }) => `${day} ${series.source} ${events}`)).sort();
    expect(counts(parts)).toEqual(counts([all]));
  });
});

type Covered = ReportOf<'lag'>['covered'];

/** Checks that each part begins at the end of the one before it, and that all parts cover the range. */
function expectTiled(parts: readonly Covered[]): void {
  expect(parts[0]?.start_time).toBeNull();
  expect(parts.at(-1)?.end_time).toBeNull();
  for (const [i, part] of parts.entries()) if (i > 0) expect(part?.start_time).toBe(parts[i - 1]?.end_time);
}

it('a part equals the report of the days that it names', async () => {
  await fill({ days: 6, perDay: 30 });
  const small = bounded({ readMax: 200 });
  const pages = await pagesOf((cursor) => small.ask('lag', { ...EVERYTHING, cursor }));
  for (const { covered, total, groups, details } of pages) {
    expect(covered?.divided_days).toEqual([]);
    const [start_time, end_time] = [covered?.start_time ?? undefined, covered?.end_time ?? undefined];
    const alone = await pipeline.ask('lag', { ...EVERYTHING, start_time, end_time });
    expect({ total, groups, details }).toEqual({ total: alone.total, groups: alone.groups, details: alone.details });
  }
});

it('a day that exceeds one answer is divided, and its parts add up', async () => {
  await fill({ days: 2, perDay: 450 });
  const whole = await pipeline.ask('lag', { ...EVERYTHING, by: ['day'] });
  const small = bounded({ readMax: 100 });
  const pages = await pagesOf((cursor) => small.ask('lag', { ...EVERYTHING, by: ['day'], cursor }));
  const divided = pages.flatMap(({ covered }) => covered?.divided_days ?? []);
  expect(divided).toContain('2026-01-05');
  for (const { group, figures } of whole.groups) {
    const same = pages.flatMap(({ groups }) => groups.filter((one) => one.group.day === group.day));
    expect(sum(same.map(({ figures: { count } }) => count))).toBe(figures.count);
  }
  expectTiled(pages.map(({ covered }) => covered));
  const repeats = await pipeline.ask('duplicates', EVERYTHING);
  const parts = await pagesOf((cursor) => small.ask('duplicates', { ...EVERYTHING, worst: 1_000, cursor }));
  expect(sum(parts.map(({ total }) => total?.receipts ?? 0))).toBe(repeats.total?.receipts);
  const days = { ...EVERYTHING, by: [], closed_after_ms: DAY };
  const complete = await pipeline.ask('completeness', days);
  const dayParts = await pagesOf((cursor) => small.ask('completeness', { ...days, cursor }));
  const events = (of: readonly (typeof complete)[]) => sum(of.flatMap((page) => page.days.map((day) => day.events)));
  expect(events(dayParts)).toBe(events([complete]));
});

it('the further pages of a part do not change when events arrive meanwhile', async () => {
  await fill({ days: 2, perDay: 450 });
  const query = { ...EVERYTHING, by: ['hour', 'source'] as const, as_of: new Date(clock.ms) };
  const whole = await pipeline.ask('lag', { ...query, limit: 1_000 });
  const small = bounded({ readMax: 500 });
  let more = 0;
  const pages = await pagesOf(async (cursor) => {
    // Slices of days already read, in the middle of the range that the cursor has passed.
    clock.ms += 1_000;
    await send(event(START + ++more * 60_000), event(START + DAY + more * 60_000));
    return small.ask('lag', { ...query, limit: 7, cursor });
  });
  const names = (groups: (typeof whole)['groups']) => {
    const counts = new Map<string, number>();
    for (const { group, figures } of groups)
      counts.set(JSON.stringify(group), (counts.get(JSON.stringify(group)) ?? 0) + figures.count);
    return [...counts].sort();
  };
  expect(names(pages.flatMap(({ groups }) => groups))).toEqual(names(whole.groups));
});

it('failures cover the first receipts, then the rest, and both add up', async () => {
  await fill({ days: 6, perDay: 40 });
  const query = EVERYTHING;
  const whole = await pipeline.ask('failures', query);
  expect([whole.failures, whole.partial]).toEqual([24, false]);
  for (const readMax of [10, 60, 300]) {
    const small = bounded({ readMax });
    const pages = await pagesOf((cursor) => small.ask('failures', { ...query, cursor }));
    expect(pages.length).toBeGreaterThan(1);
    expect(sum(pages.map(({ failures }) => failures))).toBe(whole.failures);
    expect(sum(pages.map(({ receipts }) => receipts))).toBe(whole.receipts);
    const counts = sum(pages.flatMap(({ groups }) => groups.map(({ count }) => count)));
    expect(counts).toBe(sum(whole.groups.map(({ count }) => count)));
    expect(pages.slice(0, -1).every(({ partial, notes }) => partial && notes.length > 0)).toBe(true);
  }
});

it('gaps cover the days that were read completely, and all parts together name the gaps of one answer', async () => {
  for (let hour = 0; hour < 20 * 24; hour++) {
    clock.ms = START + hour * HOUR;
    const isOut = hour >= 9 * 24 && hour < 9 * 24 + 7;
    if (!isOut) for (let n = 0; n < 6; n++) await send(event(clock.ms + n * 600_000 + 1_000, { source: 'steady' }));
  }
  clock.ms += DAY;
  const query = {
    ...EVERYTHING,
    by: ['source'] as const,
    grain: 'hour',
    time_zone: 'UTC',
    cadence_ms: HOUR,
    limit: 100,
    start_time: new Date(START + 5 * DAY),
    end_time: new Date(START + 18 * DAY),
  } as const;
  const whole = await pipeline.ask('gaps', query);
  const missing = (gaps: (typeof whole)['gaps']) =>
    gaps.filter(({ state }) => state === 'MISSING').map((gap) => gap.start_time);
  expect(missing(whole.gaps)).toHaveLength(1);
  const small = bounded({ readMax: 2_000 });
  const pages = await pagesOf((cursor) => small.ask('gaps', { ...query, cursor }));
  expect(pages.length).toBeGreaterThan(1);
  expect(missing(pages.flatMap(({ gaps }) => gaps))).toEqual(missing(whole.gaps));
  expect(pages[0]?.covered?.start_time).toBe(whole.range.start_time);
  expect(pages.at(-1)?.covered?.end_time).toBe(whole.range.end_time);
  // The history before the range exceeds one answer: the next answer reads less of it.
  const tiny = await pagesOf((cursor) => bounded({ readMax: 500 }).ask('gaps', { ...query, cursor }));
  expect(missing(tiny.flatMap(({ gaps }) => gaps))).toEqual(missing(whole.gaps));
  expect(tiny[0]?.covered?.end_time).toBe(whole.range.start_time);
});

it('gaps are refused if not even one day fits into an answer, and the error says so', async () => {
  await fill({ days: 2, perDay: 450 });
  const query = {
    ...EVERYTHING,
    by: ['source'],
    grain: 'hour',
    time_zone: 'UTC',
    limit: 10,
  } as const;
  const asked = pagesOf((cursor) => bounded({ readMax: 100 }).ask('gaps', { ...query, cursor }));
  await expect(asked).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED' });
});

describe('once nobody waits', () => {
  /** Counts the reads of the index, and aborts after the given number of them. */
  function leaving(after: number) {
    const gone = new AbortController();
    const counted = { reads: 0 };
    const index = new Proxy(backend.index, {
      get(target, name: string) {
        const method = target[name as keyof typeof target] as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          counted.reads += 1;
          if (counted.reads === after) gone.abort();
          return method.apply(target, args);
        };
      },
    });
    return { over: { ...backend, index }, counted, signal: gone.signal };
  }

  it.each([
    ['lag', (over: Pipeline, signal: AbortSignal) => over.ask('lag', EVERYTHING, { signal })],
    ['duplicates', (over: Pipeline, signal: AbortSignal) => over.ask('duplicates', EVERYTHING, { signal })],
    ['verify', (over: Pipeline, signal: AbortSignal) => over.verify(null, { signal })],
    [
      'gaps by entity',
      (over: Pipeline, signal: AbortSignal) =>
        over.ask(
          'gaps',
          { ...EVERYTHING, by: [], grain: 'hour', time_zone: 'UTC', limit: 10, entity_id: 'crowd' },
          { signal },
        ),
    ],
    [
      'compute',
      (over: Pipeline, signal: AbortSignal) =>
        over.computeAggregate(
          { metric: 'daily_event_count', key: 'crowd', window_start: '2026-01-05', asOfMs: null },
          { signal },
        ),
    ],
  ])('%s stops reading', async (_, ask) => {
    const crowd = Array.from({ length: 3_000 }, (_, n) => event(START + n * 1_000, { entity_id: 'crowd' }));
    await send(...crowd);
    await fill({ days: 3, perDay: 250 });
    const patient = leaving(Number.POSITIVE_INFINITY);
    await ask(createPipeline({ backend: patient.over }), patient.signal);
    expect(patient.counted.reads).toBeGreaterThan(2);
    const { over, counted, signal } = leaving(2);
    await expect(ask(createPipeline({ backend: over }), signal)).rejects.toMatchObject({ code: 'CLIENT_GONE' });
    expect(counted.reads).toBe(2);
  });
});
