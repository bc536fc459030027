import { at } from '@pik/schema';

import type { Deadline } from './calls.ts';
import type { RowRange, Table } from './table.ts';
import type { Item } from './values.ts';

/** A stretch of rows that are spread over partitions, in the order of their sort keys over all of them. */
export interface MergedPage {
  readonly rows: readonly Item[];
  /** Up to which sort key the range has been looked through; null where that is its end. */
  readonly reached: string | null;
}

/** Which rows of which partitions; see `RowRange`. */
export interface MergedRange extends Omit<RowRange, 'pk' | 'limit'> {
  readonly partitions: readonly string[];
  readonly limit: number;
}

/** Rows beyond an even share that each partition is asked for, so that one round of requests is mostly enough. */
const SURPLUS = 1.25;
const SURPLUS_ROWS = 4;
/** Rounds of requests of one page: rows that lie in one partition only need more of them. */
const ROUNDS_MAX = 6;

/**
 * Asks all partitions at once for their share of the page and merges the answers. A partition that has more rows is known only
 * up to the end of its answer: rows beyond the nearest such place wait until that partition has answered again, with twice
 * the share. After `ROUNDS_MAX` rounds the page ends there, and may have fewer rows than the limit.
 */
export async function mergedPage(table: Table, deadline: Deadline, range: MergedRange): Promise<MergedPage> {
  const { partitions, limit, ...rest } = range;
  const isBefore = range.descending === true ? (a: string, b: string) => a > b : (a: string, b: string) => a < b;
  const sources = partitions.map((pk): Source => ({ pk, rows: [], reached: rest.beyond ?? null, isOver: false }));
  let share = Math.min(limit, Math.ceil((limit / partitions.length) * SURPLUS) + SURPLUS_ROWS);
  let asked = sources;
  for (let round = 0; round < ROUNDS_MAX && asked.length > 0; round++) {
    await Promise.all(asked.map((source) => readMore(table, deadline, { source, range: { ...rest, limit: share } })));
    asked = behind(sources, { limit, isBefore });
    share = Math.min(limit, share * 2);
  }
  const known = nearest(sources, isBefore);
  const rows = merged(sources, isBefore).filter((row) => known === null || !isBefore(known, sortKey(row)));
  if (rows.length <= limit) return { rows, reached: known };
  const given = rows.slice(0, limit);
  return { rows: given, reached: sortKey(at(given, given.length - 1)) };
}

/** One partition, and what it has answered so far. */
interface Source {
  readonly pk: string;
  readonly rows: Item[];
  /** The sort key up to which it has answered. */
  reached: string | null;
  isOver: boolean;
}

type IsBefore = (a: string, b: string) => boolean;

async function readMore(
  table: Table,
  deadline: Deadline,
  { source, range }: { source: Source; range: Omit<RowRange, 'pk'> },
): Promise<void> {
  const page = await table.query(deadline, { ...range, pk: source.pk, beyond: source.reached });
  for (const row of page.rows) source.rows.push(row);
  source.isOver = page.reached === null;
  source.reached = page.reached;
}

/** The partitions that may still have a row of this page: none of them, once the page is complete. */
function behind(sources: readonly Source[], { limit, isBefore }: { limit: number; isBefore: IsBefore }): Source[] {
  const last = merged(sources, isBefore)[limit - 1];
  return sources.filter(
    ({ isOver, reached }) => !isOver && (last === undefined || reached === null || isBefore(reached, sortKey(last))),
  );
}

/** The place up to which all partitions have answered; null if all of them are over. */
function nearest(sources: readonly Source[], isBefore: IsBefore): string | null {
  let near: string | null = null;
  for (const { isOver, reached } of sources)
    if (!isOver && reached !== null && (near === null || isBefore(reached, near))) near = reached;
  return near;
}

function merged(sources: readonly Source[], isBefore: IsBefore): Item[] {
  return sources.flatMap(({ rows }) => rows).sort((a, b) => (isBefore(sortKey(a), sortKey(b)) ? -1 : 1));
}

function sortKey(row: Item): string {
  return row.sk?.S ?? '';
}
