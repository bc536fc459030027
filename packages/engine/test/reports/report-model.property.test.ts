import { COMPLETENESS_MARKS_MS, type ReportOf, type SelectionOf } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { createPipeline } from '../../src/api/create-pipeline.ts';

// Reports of duplicates and completeness against a plain model that counts every receipt of random streams.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 5);
/** Streams last four days. */
const END = START + 4 * DAY;
/** Of a histogram's buckets. */
const WITHIN = 0.01;

interface Receipt {
  readonly source: string;
  readonly event_type: string;
  readonly entity: string;
  readonly key: string;
  readonly eventMs: number;
  readonly receivedMs: number;
  readonly outcome: string;
  readonly firstMs: number | null;
}

const sent = fc.record({
  source: fc.constantFrom('a', 'b'),
  event_type: fc.constantFrom('x', 'y'),
  entity: fc.constantFrom('e1', 'e2', 'e3'),
  key: fc.nat(9),
  value: fc.constantFrom(1, 1, 1, 2),
  /** In steps of ten minutes, so that events lie exactly on bounds. */
  event: fc.nat((4 * DAY) / 600_000),
  lag: fc.nat((30 * HOUR) / 600_000),
});
const streams = fc.array(sent, { minLength: 1, maxLength: 60 });
const times = fc.option(fc.nat((5 * DAY) / HOUR).map((hours) => START - 12 * HOUR + hours * HOUR));
const queries = fc.record({
  a: times,
  b: times,
  asOfMs: times,
  basis: fc.constantFrom('event' as const, 'received' as const),
});

async function receive(stream: readonly (typeof sent extends fc.Arbitrary<infer T> ? T : never)[]) {
  const clock = createTestClock(START);
  const pipeline = createPipeline({ backend: createMemoryBackend(clock) });
  const receipts: Receipt[] = [];
  const first = new Map<string, { receivedMs: number; eventMs: number }>();
  const timed = stream.map((one) => {
    const eventMs = START + one.event * 600_000;
    return { ...one, eventMs, receivedMs: eventMs + one.lag * 600_000 };
  });
  for (const { source, event_type, entity, key, value, eventMs, receivedMs } of timed.toSorted(
    (x, y) => x.receivedMs - y.receivedMs,
  )) {
    clock.ms = receivedMs;
    const record = {
      source,
      event_type,
      entity_id: entity,
      event_time: new Date(eventMs).toISOString(),
      idempotency_key: `${key}`,
      payload: { value },
    };
    const { results } = await pipeline.ingest({
      body: new TextEncoder().encode(JSON.stringify(record)),
      format: 'json',
      mode: 'live',
      receivedMs,
      requestId: 'r',
      principal: null,
      dryRun: false,
    });
    const { status, event_id } = results[0] as { status: string; event_id: string };
    const before = first.get(event_id);
    first.set(event_id, before ?? { receivedMs, eventMs });
    receipts.push({
      source,
      event_type,
      entity,
      key: event_id,
      // A repeat counts at the time that it claims.
      eventMs,
      receivedMs,
      outcome: status,
      firstMs: before?.receivedMs ?? null,
    });
  }
  return { pipeline, receipts };
}

function figuresOf(receipts: readonly Receipt[]) {
  const count = (outcome: string) => receipts.filter((one) => one.outcome === outcome).length;
  const [events, duplicates, conflicts] = [count('ACCEPTED'), count('DUPLICATE'), count('CONFLICT')];
  const all = receipts.length;
  return {
    receipts: all,
    events,
    duplicates,
    conflicts,
    entities: new Set(receipts.map(({ entity }) => entity)).size,
    repeat_share: (duplicates + conflicts) / all,
  };
}

const base = { limit: 100 } as const;

/** Half-open range between two times, either of which may be missing. An empty one is refused, so its end moves on. */
function rangeBetween(a: number | null, b: number | null) {
  const [fromMs, to] = a !== null && b !== null && a > b ? [b, a] : [a, b];
  const toMs = to !== null && to === fromMs ? to + 1 : to;
  const time = (ms: number | null) => (ms === null ? undefined : new Date(ms));
  return { fromMs, toMs, range: { start_time: time(fromMs), end_time: time(toMs) } };
}

it('duplicates equal the model in total, by group and by event, in any range as of any time', async () => {
  await fc.assert(
    fc.asyncProperty(streams, fc.array(queries, { minLength: 1, maxLength: 6 }), async (stream, asked) => {
      const { pipeline, receipts } = await receive(stream);
      for (const { a, b, asOfMs, basis } of asked) {
        const { fromMs, toMs, range } = rangeBetween(a, b);
        const nowMs = asOfMs ?? END + 3 * DAY;
        const query: SelectionOf<'duplicates'> = { ...base, ...range, as_of: new Date(nowMs), basis };
        const timeOf = ({ eventMs, receivedMs }: Receipt) => (basis === 'event' ? eventMs : receivedMs);
        const inScope = receipts.filter(
          (one) =>
            one.receivedMs <= nowMs && timeOf(one) >= (fromMs ?? 0) && timeOf(one) < (toMs ?? Number.POSITIVE_INFINITY),
        );
        const report = await pipeline.ask('duplicates', query);
        if (inScope.length === 0) expect(report.total).toBeNull();
        else expect(report.total).toMatchObject(figuresOf(inScope));
        const groups = [...Map.groupBy(inScope, ({ source, event_type }) => `${source} ${event_type}`)];
        expect(
          Object.fromEntries(
            report.groups.map(({ group, figures }) => [`${group.source} ${group.event_type}`, figures]),
          ),
        ).toMatchObject(Object.fromEntries(groups.map(([name, of]) => [name, figuresOf(of)])));
        expect(report.groups).toHaveLength(groups.length);
        const repeats = report.groups.map(({ figures }) => figures.duplicates + figures.conflicts);
        expect(repeats).toEqual(repeats.toSorted((x, y) => y - x));
        expectDelays(report.total, inScope);
        const again = Map.groupBy(
          inScope.filter(({ outcome }) => outcome !== 'ACCEPTED'),
          ({ key }) => key,
        );
        expect(report.worst_total).toBe(again.size);
        for (const { event_id, repeats: times } of report.worst) expect(times).toBe(again.get(event_id)?.length);
      }
      await pipeline.close();
    }),
    runs(60),
  );
});

function expectDelays(total: ReportOf<'duplicates'>['total'], receipts: readonly Receipt[]): void {
  const delays = receipts.flatMap(({ firstMs, receivedMs }) => (firstMs === null ? [] : [receivedMs - firstMs]));
  delays.sort((x, y) => x - y);
  if (delays.length === 0) {
    expect([total?.delay_p50_ms ?? null, total?.delay_max_ms ?? null]).toEqual([null, null]);
    return;
  }
  const at = (q: number) => delays[Math.max(0, Math.ceil(q * delays.length) - 1)] as number;
  expect(total?.delay_max_ms).toBe(delays.at(-1));
  for (const [q, told] of [
    [0.5, total?.delay_p50_ms],
    [0.95, total?.delay_p95_ms],
  ] as const)
    expect(Math.abs((told ?? Number.NaN) - at(q))).toBeLessThanOrEqual(WITHIN * at(q) + 1);
}

it('completeness equals the model: the events of each day and source, and the share received by each age', async () => {
  await fc.assert(
    fc.asyncProperty(streams, queries, fc.integer({ min: 0, max: 3 }), async (stream, { a, b, asOfMs }, closedDays) => {
      const { pipeline, receipts } = await receive(stream);
      const { fromMs, toMs, range } = rangeBetween(a, b);
      const nowMs = asOfMs ?? END + 3 * DAY;
      const query = {
        ...base,
        ...range,
        as_of: new Date(nowMs),
        by: ['source'],
        closed_after_ms: closedDays * DAY,
      } as const;
      const { days } = await pipeline.ask('completeness', query);
      const dayOf = ({ eventMs }: Receipt) => Math.floor(eventMs / DAY) * DAY;
      const counted = receipts.filter(
        (one) =>
          one.outcome === 'ACCEPTED' &&
          one.receivedMs <= nowMs &&
          dayOf(one) >= (fromMs ?? 0) &&
          dayOf(one) + DAY <= (toMs ?? Number.POSITIVE_INFINITY),
      );
      const plain = [
        ...Map.groupBy(counted, (one) => `${one.source} ${new Date(dayOf(one)).toISOString().slice(0, 10)}`),
      ]
        .toSorted(([x], [y]) => (x < y ? -1 : 1))
        .map(([name, all]) => {
          const endMs = dayOf(all[0] as Receipt) + DAY;
          return {
            name,
            events: all.length,
            state: nowMs - endMs >= closedDays * DAY ? 'CLOSED' : 'OPEN',
            arrived: COMPLETENESS_MARKS_MS.map((after) => {
              if (after > nowMs - endMs) return null;
              const ages = all.map(({ receivedMs }) => receivedMs - endMs);
              const isNear = ages.some((age) => age !== after && Math.abs(age - after) <= 2 * WITHIN * after);
              return isNear ? 'NEAR' : ages.filter((age) => age <= after).length / all.length;
            }),
          };
        });
      const told = days.map(({ series, day, events, state, arrived }) => ({
        name: `${series.source} ${day}`,
        events,
        state,
        arrived: arrived.map(({ share }) => share),
      }));
      expect(told.map(({ arrived: _, ...rest }) => rest)).toEqual(plain.map(({ arrived: _, ...rest }) => rest));
      for (const [i, { arrived }] of told.entries())
        for (const [j, share] of arrived.entries()) {
          const expected = plain[i]?.arrived[j];
          if (typeof expected === 'number') expect(share).toBeCloseTo(expected, 9);
          else if (expected === null) expect(share).toBeNull();
        }
      await pipeline.close();
    }),
    runs(60),
  );
});
