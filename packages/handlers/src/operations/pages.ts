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
