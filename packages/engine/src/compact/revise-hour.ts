import { MS_PER_HOUR } from '@pik/schema';

import type { HourFile, HourRow, HourStore } from '../ports/closed-hours.ts';
import type { PackRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { commitHour } from './close-hour.ts';
import { hourFile, latestKeys, readHourFile, textOf } from './hour-file.ts';
import { damaged, parseOutcomes, seedsByPack } from './rules/hour-files.ts';

/**
 * Makes the derived files of a generation again, as its next revision: the same packs, outcomes, seeds and root. Throws as `closeHour`.
 */
export async function reviseHour(context: Context, hours: HourStore, row: HourRow): Promise<HourRow> {
  const { outcomes_file, hour_ms: hourMs, generation, revision } = row;
  const { backend } = context;
  // After an erasure, packs and seeds have a version that no commit names yet.
  const keys = await latestKeys(backend, hourMs, generation);
  const packs_file = await fileAt(backend, row.packs_file, keys.packs);
  const seeds_file = await fileAt(backend, row.seeds_file, keys.seeds);
  const outcomes = textOf(await readHourFile(backend, outcomes_file));
  const seeds = seedsByPack(textOf(await readHourFile(backend, seeds_file)), seeds_file.key);
  const rows = new Map<string, PackRow>();
  const range = { fromMs: hourMs, toMs: hourMs + MS_PER_HOUR };
  for await (const pack of readPages((cursor) => backend.index.listPacks({ ...range, cursor })))
    rows.set(pack.pack_id, pack);
  const packs = parseOutcomes(outcomes, outcomes_file.key).map((pack) => {
    const known = rows.get(pack.pack_id);
    if (known === undefined) throw damaged(packs_file.key);
    return { ...known, outcomes: pack.outcomes };
  });
  return commitHour(context, hours, {
    hourMs,
    generation,
    revision: revision + 1,
    packs,
    seeds,
    files: { packs_file, outcomes_file, seeds_file },
    root: row.root,
  });
}

async function fileAt({ files }: Pick<Context['backend'], 'files'>, known: HourFile, key: string): Promise<HourFile> {
  if (key === known.key) return known;
  const bytes = await files.get(key);
  if (bytes === null) throw damaged(key);
  return hourFile(key, bytes);
}
