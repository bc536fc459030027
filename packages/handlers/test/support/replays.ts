import { expect } from 'vitest';

import type { Pipeline } from '../../src/pipeline.ts';

/** Processes what lies in the queue until it is empty; every message must go well. */
export async function workOff(pipeline: Pipeline): Promise<number> {
  for (let done = 0; ; done++) {
    const result = await pipeline.work();
    if (result === 'IDLE') return done;
    expect(result).toBe('DONE');
  }
}

/** All items of a paged answer. */
export async function readAll<T>(
  read: (cursor: string | null) => Promise<{ items: readonly T[]; next: string | null }>,
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: readonly T[]; next: string | null } = await read(cursor);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return items;
}
