import { fixedRuns, runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Deadline } from './calls.ts';
import { mergedPage } from './shards.ts';
import { keyItem, type RowRange, type Table } from './table.ts';
import type { Item } from './values.ts';

const deadline = {} as Deadline;

/** A table of partitions that answers at most `pageMax` rows at a time, and counts the rows that it gives. */
function tableOf(partitions: ReadonlyMap<string, readonly string[]>, pageMax = Number.POSITIVE_INFINITY) {
  const read = { rows: 0, queries: 0 };
  const query = async (_: Deadline, { pk, beyond = null, descending = false, limit = pageMax }: RowRange) => {
    const all = [...(partitions.get(pk) ?? [])].sort();
    if (descending) all.reverse();
    const rest = all.filter((sk) => beyond === null || (descending ? sk < beyond : sk > beyond));
    const some = rest.slice(0, Math.min(limit, pageMax));
    read.rows += some.length;
    read.queries += 1;
    const rows: Item[] = some.map((sk) => keyItem({ pk, sk }));
    // Like DynamoDB, it names the place even where nothing follows, if the limit cut the answer.
    return { rows, reached: some.length === Math.min(limit, pageMax) ? (some.at(-1) ?? null) : null };
  };
  return { table: { query } as unknown as Table, read };
}

async function readAll(table: Table, range: { partitions: readonly string[]; limit: number; descending: boolean }) {
  const pages: string[][] = [];
  let beyond: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof mergedPage>> = await mergedPage(table, deadline, { ...range, beyond });
    pages.push(page.rows.map(({ sk }) => sk?.S ?? ''));
    beyond = page.reached;
  } while (beyond !== null);
  return pages;
}

const life = fc.record({
  keys: fc.uniqueArray(
    fc.nat(5_000).map((n) => String(n).padStart(4, '0')),
    { maxLength: 300 },
  ),
  partitions: fc.integer({ min: 1, max: 8 }),
  /** Of a hundred rows, how many lie in the first partition; the rest is spread. */
  skew: fc.nat(100),
  limit: fc.integer({ min: 1, max: 60 }),
  pageMax: fc.integer({ min: 1, max: 80 }),
  descending: fc.boolean(),
});

describe('a page over partitions', () => {
  it('follows the page before: together they are all rows in order, whatever each partition holds and answers at a time', async () => {
    const property = fc.asyncProperty(life, async ({ keys, partitions, skew, limit, pageMax, descending }) => {
      const names = Array.from({ length: partitions }, (_, i) => `P${i}`);
      const held = Map.groupBy(keys, (key) => (Number(key) % 100 < skew ? 'P0' : `P${Number(key) % partitions}`));
      const { table } = tableOf(held, pageMax);
      const pages = await readAll(table, { partitions: names, limit, descending });
      const expected = [...keys].sort();
      expect(pages.flat()).toEqual(descending ? expected.reverse() : expected);
      for (const page of pages) expect(page.length).toBeLessThanOrEqual(limit);
    });
    await fc.assert(property, fixedRuns(50));
    await fc.assert(property, runs(2_000));
  });

  it('reads fewer than twice the rows that it gives, where the rows are spread evenly', async () => {
    const names = Array.from({ length: 8 }, (_, i) => `P${i}`);
    const keys = Array.from({ length: 4_000 }, (_, i) => String(i).padStart(5, '0'));
    // A multiplicative hash spreads neighbours over the partitions.
    const held = Map.groupBy(keys, (key) => `P${(Math.imul(Number(key), 0x9e3779b1) >>> 0) % 8}`);
    const { table, read } = tableOf(held);
    const page = await mergedPage(table, deadline, { partitions: names, limit: 200 });
    expect(page.rows).toHaveLength(200);
    expect(read.rows).toBeLessThan(400);
    expect(read.queries).toBeLessThanOrEqual(16);
  });
});
