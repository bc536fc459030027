import type { Pipeline } from '@pik/engine';
import type { FindPage, Match, SelectionOf } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { fixedRuns, runs } from '@pik/testkit/budget';
import {
  addressesOf,
  LIFE_START_MS,
  type Life,
  type LifeReceipt,
  lifePipeline,
  lifeRecord,
  lives,
  type Meant,
  meanings,
  sendLife,
} from '@pik/testkit/fixtures/engine/search-life';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

// A search equals a plain filter of everything that was received, however it is divided into pages.

const times = fc.option(fc.nat(12_000), { freq: 3 });
const questions = fc.record({ start: times, end: times, asOf: times, limit: fc.integer({ min: 1, max: 7 }) });
type Bounds = typeof questions extends fc.Arbitrary<infer Q> ? Q : never;

const timeOf = (minutes: number) => LIFE_START_MS + minutes * 60_000;

function selectionOf(where: string, { start, end, asOf, limit }: Bounds): SelectionOf<'find'> {
  const text = (minutes: number) => new Date(timeOf(minutes));
  return {
    where,
    limit,
    ...(start === null ? {} : { start_time: text(start) }),
    ...(end === null ? {} : { end_time: text(end) }),
    ...(asOf === null ? {} : { as_of: text(asOf) }),
  };
}

function isIn({ receivedMs }: LifeReceipt, { start, end, asOf }: Bounds): boolean {
  if (start !== null && receivedMs < timeOf(start)) return false;
  if (end !== null && receivedMs >= timeOf(end)) return false;
  return asOf === null || receivedMs <= timeOf(asOf);
}

/** The addresses that a plain filter finds. */
const filtered = (receipts: readonly LifeReceipt[], { test }: Meant, bounds: Bounds) =>
  addressesOf(receipts.filter((receipt) => isIn(receipt, bounds) && test(receipt)).sort(newestFirst));

/** Thousandths as a decimal. */
function plainText(value: bigint): string {
  const [sign, size] = value < 0n ? ['-', -value] : ['', value];
  return `${sign}${size / 1_000n}.${String(size % 1_000n).padStart(3, '0')}`;
}

const newestFirst = (a: LifeReceipt, b: LifeReceipt) =>
  a.pack_id === b.pack_id ? b.line - a.line : a.pack_id < b.pack_id ? 1 : -1;

function isAskable({ start, end }: Bounds): boolean {
  return start === null || end === null || start < end;
}

async function allPages(
  pipeline: Pipeline,
  selection: SelectionOf<'find'>,
  between: () => Promise<void> = async () => {},
) {
  const pages: FindPage[] = [];
  let cursor: string | undefined;
  do {
    const page: FindPage = await pipeline.ask('find', { ...selection, cursor });
    pages.push(page);
    cursor = page.next_cursor ?? undefined;
    await between();
  } while (cursor !== undefined);
  return pages;
}

async function lived(life: Life, options: Parameters<typeof lifePipeline>[1] = {}) {
  const clock = createTestClock(LIFE_START_MS);
  const pipeline = lifePipeline(createMemoryBackend(clock), options);
  return { clock, pipeline, receipts: await sendLife(pipeline, clock, life) };
}

type StreamLine = Match & { readonly end?: true; readonly count?: number; readonly scanned?: object };

describe('a search', () => {
  it('equals a plain filter of the log, page by page, whatever arrives in between', async () => {
    const seen = { matched: 0, missed: 0, paged: 0 };
    const equals = fc.asyncProperty(
      lives,
      meanings,
      questions.filter(isAskable),
      lives,
      fc.constantFrom(false, false, false, true),
      async (life, meant, bounds, later, isClosed) => {
        const { clock, pipeline, receipts } = await lived(life);
        if (isClosed) await pipeline.compact({ all: true });
        const expected = filtered(receipts, meant, bounds);
        const pages = await allPages(pipeline, selectionOf(meant.text, bounds), async () => {
          if (bounds.asOf !== null || bounds.end !== null) return;
          await sendLife(pipeline, clock, later.slice(0, 1));
        });
        expect(addressesOf(pages.flatMap((page) => page.matches))).toEqual(expected);
        for (const { matches, partial } of pages) {
          expect(matches.length).toBeLessThanOrEqual(bounds.limit);
          expect(partial).toBe(false);
        }
        const { scanned } = pages.at(-1) as FindPage;
        expect(scanned.matched).toBe(expected.length);
        if (bounds.start === null) expect(scanned).toMatchObject({ packs: life.length, receipts: receipts.length });
        seen.matched += expected.length;
        seen.missed += receipts.length - expected.length;
        seen.paged += pages.length > 1 ? 1 : 0;
        await pipeline.close();
      },
    );
    await fc.assert(equals, fixedRuns(120));
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(10);
    await fc.assert(equals, runs(1_200));
  });

  it('finds a value in every way to spell it', async () => {
    const spelled = fc.asyncProperty(lifeRecord, async (record) => {
      const { pipeline } = await lived([{ records: [{ ...record, broken: null }], minutes: 1 }]);
      const { n, s } = record;
      const asked = [
        ...(n === null ? [] : [`payload.n == ${plainText(n.value)}`, 'has(payload.n)']),
        ...(s === null ? [] : [`payload.s == ${JSON.stringify(s.value)}`]),
      ];
      for (const where of asked) {
        const { matches } = await pipeline.ask('find', { where });
        expect([where, matches.length]).toEqual([where, 1]);
      }
      await pipeline.close();
    });
    await fc.assert(spelled, runs(1_200));
  });

  it('streams the same matches, and its last line is the end', async () => {
    const streams = fc.asyncProperty(lives, meanings, async (life, meant) => {
      const { pipeline, receipts } = await lived(life);
      let text = '';
      for await (const chunk of pipeline.lines('find', { where: meant.text, include: 'body' })) text += chunk;
      const lines = text
        .trimEnd()
        .split('\n')
        .map((line): StreamLine => JSON.parse(line));
      const found = lines.filter(({ scanned }) => scanned === undefined);
      expect(addressesOf(found)).toEqual(filtered(receipts, meant, { start: null, end: null, asOf: null, limit: 0 }));
      expect(lines[0]).toMatchObject({ scanned: { packs: 0 } });
      expect(lines.at(-1)).toMatchObject({ end: true, count: found.length, next_cursor: null });
      await pipeline.close();
    });
    await fc.assert(streams, runs(200));
  });

  it('finds each receipt once when its budget ends every page early', async () => {
    let partial = 0;
    const resumes = fc.asyncProperty(lives, meanings, fc.integer({ min: 1, max: 12 }), async (life, meant, readMax) => {
      const { pipeline, receipts } = await lived(life, { questions: { readMax } });
      const pages = await allPages(pipeline, { where: meant.text });
      const expected = filtered(receipts, meant, { start: null, end: null, asOf: null, limit: 0 });
      expect(addressesOf(pages.flatMap((page) => page.matches))).toEqual(expected);
      for (const page of pages.slice(0, -1)) {
        expect(page.partial).toBe(true);
        expect(page.covered).toMatchObject({ basis: 'received' });
        partial += 1;
      }
      const { scanned, covered } = pages.at(-1) as FindPage;
      expect(covered).toBeNull();
      expect(scanned).toEqual({ packs: life.length, receipts: receipts.length, matched: expected.length });
      await pipeline.close();
    });
    await fc.assert(resumes, fixedRuns(20));
    expect(partial).toBeGreaterThan(20);
    await fc.assert(resumes, runs(200));
  });
});
