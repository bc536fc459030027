import type { Page } from '../ports/queries.ts';
import type { Budget } from './budget.ts';

/** All items of a paged listing, page by page: no more than one page is held, and no page holds up other work for long. */
export async function* readPages<T>(
  read: (cursor: string | null) => Promise<Page<T>>,
  budget?: Budget,
): AsyncGenerator<T> {
  let cursor: string | null = null;
  do {
    const page: Page<T> = await read(cursor);
    for (const item of page.items) {
      if (budget?.isDue() === true) await budget.turn();
      yield item;
    }
    cursor = page.next;
  } while (cursor !== null);
}

/** The first items of a listing, whatever its pages hold, since a page may be empty; and whether there are more. */
export async function readFirst<T>(
  read: (cursor: string | null) => Promise<Page<T>>,
  count: number,
): Promise<{ items: readonly T[]; more: boolean }> {
  const items: T[] = [];
  for await (const item of readPages(read)) {
    if (items.length >= count) return { items, more: true };
    items.push(item);
  }
  return { items, more: false };
}
