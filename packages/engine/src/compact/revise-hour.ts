import { MS_PER_HOUR } from '@pik/schema';

import type { HourRow, HourStore } from '../ports/closed-hours.ts';
import type { PackRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { commitHour } from './close-hour.ts';
import { readHourFile, textOf } from './hour-file.ts';
import { damaged, parseOutcomes, parseSeeds } from './rules/hour-files.ts';

/**
 * Makes the derived files of a generation again, as its next revision: the same packs, outcomes, seeds and root. Throws as `closeHour`.
 */
export async function reviseHour(context: Context, hours: HourStore, row: HourRow): Promise<HourRow> {
  const { packs_file, outcomes_file, seeds_file, hour_ms: hourMs, generation, revision } = row;
  const { backend } = context;
  const outcomes = textOf(await readHourFile(backend, outcomes_file));
  const seeds = parseSeeds(textOf(await readHourFile(backend, seeds_file)), seeds_file.key);
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
    seeds: new Map(seeds.map(({ pack_id, seed }) => [pack_id, Buffer.from(seed, 'hex')])),
    files: { packs_file, outcomes_file, seeds_file },
    root: row.root,
  });
}
