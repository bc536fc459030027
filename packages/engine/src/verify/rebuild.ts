import { KitError, LETTER_OUTCOMES, type OutcomeLetter } from '@pik/schema';
import { restoreRevisions } from '../erase/erase.ts';
import { admitPack } from '../ingest/sweep.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { readPack } from '../storage/pack-store.ts';

/** A receipt whose rebuilt outcome differs from the one that was answered. */
export interface DifferingVerdict {
  readonly pack_id: string;
  readonly line: number;
  readonly answered: string;
  readonly now: string;
}

/** The result of a rebuild. */
export interface RebuildSummary {
  readonly packs: number;
  readonly receipts: number;
  readonly differing: readonly DifferingVerdict[];
  /** Packs without a recorded answer: never answered, or the record was lost in a power failure. */
  readonly unrecorded: number;
  /** Answered packs that are no longer readable. */
  readonly unreadable: readonly string[];
}

/** The recorded answers and a progress callback for a rebuild. */
export interface RebuildOptions {
  /** The recorded answers in commit order; the first entry of a pack counts. */
  readonly answered: AsyncIterable<{ pack_id: string; outcomes: string }>;
  /** Called after each pack. */
  readonly onProgress?: ((packs: number) => void) | undefined;
}

type Totals = { -readonly [K in keyof RebuildSummary]: RebuildSummary[K] } & {
  differing: DifferingVerdict[];
  unreadable: string[];
};

/**
 * Fills an empty index from the log. Packs are admitted in the order of their first admission, which gives each receipt the
 * outcome that was answered. Packs without a recorded answer follow by sequence number, which does not depend on clocks,
 * after those without a number, by id.
 *
 * @example
 * import { createContext, rebuildIndex } from '@pik/engine';
 * import { openLocalRebuild } from '@pik/engine/local';
 *
 * const work = await openLocalRebuild({ dir: '.pik' });
 * const { differing } = await rebuildIndex(createContext({ backend: work.backend }), { answered: work.answered });
 * await (differing.length === 0 ? work.finish() : work.cancel());
 */
export async function rebuildIndex(context: Context, options: RebuildOptions): Promise<RebuildSummary> {
  await restoreRevisions(context);
  const totals: Totals = { packs: 0, receipts: 0, differing: [], unrecorded: 0, unreadable: [] };
  const done = new Set<string>();
  const admit = async (packId: string, answered: string | null) => {
    if (done.has(packId)) return;
    done.add(packId);
    await admitOne(context, totals, { packId, answered });
    options.onProgress?.(done.size);
  };
  for await (const { pack_id, outcomes } of options.answered) await admit(pack_id, outcomes);
  const everything = { fromMs: 0, toMs: 2 ** 47 };
  const others: { packId: string; sequence: number }[] = [];
  for await (const packId of readPages((cursor) => context.backend.rawLog.list({ ...everything, cursor })))
    if (!done.has(packId)) others.push({ packId, sequence: await sequenceOf(context, packId) });
  // Ids are in order except after clock steps; packs without numbers have nothing better. The sort is stable.
  others.sort((a, b) => a.sequence - b.sequence);
  for (const { packId } of others) await admit(packId, null);
  return totals;
}

/** The sequence number of a pack, or 0. An unreadable pack is reported when it is admitted. */
async function sequenceOf(context: Context, packId: string): Promise<number> {
  try {
    return (await readPack(context, packId))[0]?.sequence ?? 0;
  } catch (error) {
    if (KitError.is(error)) return 0;
    throw error;
  }
}

async function admitOne(
  context: Context,
  totals: Totals,
  pack: { packId: string; answered: string | null },
): Promise<void> {
  const { packId, answered } = pack;
  try {
    const outcomes = await admitPack(context, packId);
    if (outcomes === null) throw new KitError('INDEX_UNAVAILABLE', 'the new index did not take every receipt');
    totals.packs += 1;
    totals.receipts += outcomes.length;
    if (answered === null) totals.unrecorded += 1;
    else for (const one of differing(packId, answered, outcomes)) totals.differing.push(one);
  } catch (error) {
    if (!KitError.is(error) || (error.code !== 'RAW_CORRUPT' && error.code !== 'RAW_MISSING')) throw error;
    totals.unreadable.push(packId);
  }
}

function differing(packId: string, answered: string, now: string): DifferingVerdict[] {
  const found: DifferingVerdict[] = [];
  const name = (letter: string | undefined) => LETTER_OUTCOMES[letter as OutcomeLetter] ?? 'none';
  for (let line = 0; line < Math.max(answered.length, now.length); line++) {
    if (answered[line] === now[line]) continue;
    found.push({ pack_id: packId, line, answered: name(answered[line]), now: name(now[line]) });
  }
  return found;
}
