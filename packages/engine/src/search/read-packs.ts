import { type ErrorCode, KitError } from '@pik/schema';

import { isOfQuestion } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import { readBytes, unpacked } from '../storage/pack-store.ts';
import { type ListedPack, type NewestFirst, newestPacks } from './newest-packs.ts';

/** Packs read ahead of the search: enough to keep the disk and the threads that decompress busy. */
const PACKS_AHEAD = 6;

/** A pack with its text, or the reason why it has none. */
export interface PackRead extends ListedPack {
  /** Null if the search does not want it, or if it cannot be read. */
  readonly bytes: Buffer | null;
  readonly fault: ErrorCode | null;
}

/** Reads packs, the last stored first, some of them at a time. Packs that `isWanted` refuses are listed without being read. */
export async function* readNewest(
  context: Context,
  options: NewestFirst & { isWanted(pack: ListedPack): boolean | Promise<boolean> },
): AsyncGenerator<PackRead> {
  const ahead: Promise<PackRead>[] = [];
  try {
    for await (const pack of newestPacks(context, options)) {
      const read = readWanted(context, pack, options.isWanted(pack));
      // Awaited in its turn; until then its failure must not count as unhandled.
      read.catch(() => {});
      ahead.push(read);
      const next = ahead.length >= PACKS_AHEAD ? ahead.shift() : undefined;
      if (next !== undefined) yield await next;
    }
    for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) yield await next;
  } finally {
    // Reads that nobody waits for end before the question does.
    await Promise.allSettled(ahead);
  }
}

async function readWanted(context: Context, pack: ListedPack, isWanted: boolean | Promise<boolean>): Promise<PackRead> {
  return (await isWanted) ? readPack(context, pack) : { ...pack, bytes: null, fault: null };
}

/** A damaged or missing pack does not end the search: the answer names it. */
async function readPack(context: Context, pack: ListedPack): Promise<PackRead> {
  try {
    const bytes = await unpacked(pack.pack_id, await readBytes(context, pack.pack_id));
    return { ...pack, bytes, fault: null };
  } catch (error) {
    if (!KitError.is(error) || isOfQuestion(error) || (error.code !== 'RAW_MISSING' && error.code !== 'RAW_CORRUPT'))
      throw error;
    return { ...pack, bytes: null, fault: error.code };
  }
}
