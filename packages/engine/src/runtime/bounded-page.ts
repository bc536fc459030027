import type { Page } from '../ports/queries.ts';
import { type Budget, spentText } from './budget.ts';
import type { Cut } from './rules/cut.ts';

/** A page of an answer, which says where its budget ended it early. */
export interface BoundedPage<T> extends Page<T> {
  readonly cut: Cut;
}

/** How much is asked for, and where the page goes on. */
export interface PageQuery {
  readonly limit: number;
  readonly cursor: string | null;
}

/** Items that are read between two looks at the budget. */
const ITEMS_AT_ONCE = 500;

/**
 * A page of a listing, read in pieces; where the budget ends it early, its cursor goes on all the same. A listing whose pages may
 * be empty, such as one that is filtered, is read on until there is something to show or the budget ends.
 */
export async function boundedPage<T>(
  budget: Budget,
  { limit, cursor }: PageQuery,
  read: (query: PageQuery) => Promise<Page<T>>,
): Promise<BoundedPage<T>> {
  const items: T[] = [];
  let next = cursor;
  let goesOn = true;
  while (goesOn) {
    const wanted = Math.min(limit - items.length, ITEMS_AT_ONCE);
    const page: Page<T> = await read({ limit: wanted, cursor: next });
    for (const item of page.items) items.push(item);
    next = page.next;
    const isEnough = items.length === limit || (items.length > 0 && page.items.length < wanted);
    goesOn = next !== null && !isEnough && budget.spent() === null;
  }
  return { items, next, cut: next !== null && items.length < limit ? pageCut(budget) : {} };
}

/** What a page says that the budget ended before it was full. */
export function pageCut(budget: Budget): Cut {
  const why = budget.spent();
  if (why === null) return {};
  return { partial: true, notes: [`${spentText(why)}: this page ends early, and the next one goes on`] };
}
