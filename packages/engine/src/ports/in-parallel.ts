import { at } from '@pik/schema';

import { allEnded } from './all-ended.ts';

/** The maximum number of concurrent requests of one port call; the clients have enough sockets for them. */
export const REQUESTS_AT_ONCE = 50;

/** Runs work on each item, `atOnce` at a time, and returns the results in order. Rejects with the first error. */
export async function inParallel<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  atOnce = REQUESTS_AT_ONCE,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (next < items.length && !failed) {
      const place = next++;
      try {
        results[place] = await work(at(items, place));
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(atOnce, items.length) }, worker);
  await allEnded(workers);
  return results;
}
