import type { Page } from '../ports/queries.ts';
import { type Budget, spentText } from './budget.ts';
import type { Cut } from './rules/cut.ts';

/** A page of an answer; `cut` says whether the budget ended it early. */
export interface BoundedPage<T> extends Page<T> {
  readonly cut: Cut;
}

/** The size of a page, and the cursor to continue from. */
export interface PageQuery {
  readonly limit: number;
  readonly cursor: string | null;
}

/** Items read between two checks of the budget. */
const ITEMS_AT_ONCE = 500;

/**
 * Reads a page of a listing in pieces. If the budget ends it early, its cursor still continues the listing. A listing whose
 * pages may be empty, such as a filtered one, is read until it has an item or the budget ends.
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

/** The note of a page that the budget ended before it was full. */
export function pageCut(budget: Budget): Cut {
  const why = budget.spent();
  if (why === null) return {};
  return { partial: true, notes: [`${spentText(why)}: this page ends early, and the next page continues`] };
}
