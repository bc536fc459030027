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

/**
 * Asks all partitions at once and merges what they give. A partition that has more than its page is known only up to
 * where that ended, so no row beyond the nearest such place is given: the next page brings it.
 */
export async function mergedPage(table: Table, deadline: Deadline, range: MergedRange): Promise<MergedPage> {
  const { partitions, limit, ...rest } = range;
  const pages = await Promise.all(partitions.map((pk) => table.query(deadline, { ...rest, pk, limit })));
  const before = range.descending === true ? (a: string, b: string) => a > b : (a: string, b: string) => a < b;
  const reached = pages.map((page) => page.reached).filter((place) => place !== null);
  const known = reached.reduce<string | null>(
    (near, place) => (near === null || before(place, near) ? place : near),
    null,
  );
  const rows = pages
    .flatMap((page) => page.rows)
    .filter((row) => known === null || !before(known, sortKey(row)))
    .sort((a, b) => (before(sortKey(a), sortKey(b)) ? -1 : 1));
  if (rows.length <= limit) return { rows, reached: known };
  const given = rows.slice(0, limit);
  return { rows: given, reached: sortKey(at(given, given.length - 1)) };
}

function sortKey(row: Item): string {
  return row.sk?.S ?? '';
}
