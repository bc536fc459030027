import { MS_PER_HOUR, packStoredMs } from '@pik/schema';

import type { Page } from '../ports/queries.ts';
import type { PackRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';

/** Later than any time that a pack id can hold. */
const EVER_MS = 2 ** 47;

/** The stretch of the log that one listing reads grows while it has few packs and shrinks while it has many. */
const PACKS_FEW = 250;
const PACKS_MANY = 5_000;
const GROWTH = 8;

/** A pack of the log; `row` is null if it was not admitted yet, or if its row has expired. */
export interface ListedPack {
  readonly pack_id: string;
  readonly row: PackRow | null;
}

/** Where to begin, and how far back to go. */
export interface NewestFirst {
  /** The first pack to list; null for the newest. */
  readonly upTo: string | null;
  /** Packs stored before this time are left out. */
  readonly fromMs: number;
}

/**
 * Lists the packs of the log, the last stored first: each id once, with its row. The listings of a backend ascend, so it reads
 * one stretch of time after the other, back to the start; a stretch without packs makes the next one longer.
 */
export async function* newestPacks(context: Context, { upTo, fromMs }: NewestFirst): AsyncGenerator<ListedPack> {
  const startMs = Math.max(0, fromMs);
  let endMs = upTo === null ? EVER_MS : packStoredMs(upTo) + 1;
  let spanMs = MS_PER_HOUR;
  let baseMs = Math.min(endMs, context.backend.clock.now());
  while (endMs > startMs) {
    const stretch = { fromMs: Math.max(startMs, Math.min(baseMs, endMs) - spanMs), toMs: endMs };
    const ids = await idsOf(context, stretch, spanMs > 1);
    if (ids === null) {
      spanMs = Math.max(1, Math.floor(spanMs / GROWTH));
      continue;
    }
    const rows = await rowsOf(context, stretch);
    // A pack that only the index knows is listed too, so that its loss is noticed.
    for (const pack_id of [...new Set([...ids, ...rows.keys()])].sort().reverse()) {
      if (upTo === null || pack_id <= upTo) yield { pack_id, row: rows.get(pack_id) ?? null };
    }
    endMs = stretch.fromMs;
    baseMs = endMs;
    if (ids.length < PACKS_FEW) spanMs *= GROWTH;
  }
}

interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The ids of a stretch, ascending; null if it has too many to hold and can be divided. */
async function idsOf({ backend }: Context, stretch: Stretch, isDivisible: boolean): Promise<string[] | null> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<string> = await backend.rawLog.list({ ...stretch, cursor });
    for (const id of page.items) ids.push(id);
    if (isDivisible && ids.length > PACKS_MANY) return null;
    cursor = page.next;
  } while (cursor !== null);
  return ids;
}

async function rowsOf({ backend }: Context, stretch: Stretch): Promise<Map<string, PackRow>> {
  const rows = new Map<string, PackRow>();
  for await (const row of readPages((cursor) => backend.index.listPacks({ ...stretch, cursor })))
    rows.set(row.pack_id, row);
  return rows;
}

/** Counts the packs of a range, up to a maximum number of listings; null if there are more. `isOver` ends it early. */
export async function countPacks(
  { backend }: Context,
  { fromMs, upTo }: NewestFirst,
  { listingsMax, isOver }: { listingsMax: number; isOver: () => boolean },
): Promise<number | null> {
  const range = { fromMs: Math.max(0, fromMs), toMs: upTo === null ? EVER_MS : packStoredMs(upTo) + 1 };
  let count = 0;
  let cursor: string | null = null;
  for (let listings = 0; listings < listingsMax && !isOver(); listings++) {
    const page: Page<string> = await backend.rawLog.list({ ...range, cursor });
    count += page.items.length;
    cursor = page.next;
    if (cursor === null) return count;
  }
  return null;
}
