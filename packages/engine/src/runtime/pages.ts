import type { Page } from '../ports/queries.ts';
import type { Budget } from './budget.ts';

/** Iterates over all items of a paged listing. It holds only one page at a time, and yields to other work within a page. */
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

/** Reads the first items of a listing across its pages, which may be empty; `more` says whether there are further items. */
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
