import type { Page } from '../ports/queries.ts';

/** All items of a paged listing, page by page: no more than one page is held. */
export async function* readPages<T>(read: (cursor: string | null) => Promise<Page<T>>): AsyncGenerator<T> {
  let cursor: string | null = null;
  do {
    const page: Page<T> = await read(cursor);
    yield* page.items;
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
