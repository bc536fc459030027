import { randomBytes } from 'node:crypto';

import { KitError, MS_PER_HOUR } from '@pik/schema';

import type { ColumnZone, HourFile, HourRow, HourStore } from '../ports/closed-hours.ts';
import type { PackRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { deriveHour, type HourParts } from './derive-hour.ts';
import { firstWritten, hourFile, latestKeys, textOf } from './hour-file.ts';
import { WRITER } from './parquet.ts';
import { CELLS_FORM } from './rules/cell-columns.ts';
import {
  damaged,
  outcomesText,
  type PackSeed,
  packsText,
  parseOutcomes,
  parsePacks,
  seedsByPack,
  seedsText,
} from './rules/hour-files.ts';
import { RECEIPTS_FORM } from './rules/receipt-columns.ts';
import { hourRootText, SEED_BYTES } from './salts.ts';

/** An hour to close. */
export interface HourToClose {
  readonly hourMs: number;
  readonly generation: number;
  /** The PACK rows of the hour, in the order of their ids. */
  readonly packs: readonly PackRow[];
  /** The generation before; null if this is the first one. */
  readonly previous: HourRow | null;
}

/**
 * Closes an hour. In this order, each step durable before the next: outcomes, list of packs, seeds, derived files, commit row. Outcomes,
 * packs and seeds are those of the first writer, so that a repeat after a crash, and another compactor, make the same files.
 *
 * @throws KitError as `deriveHour`, and `HOUR_DAMAGED` for a file of this generation that cannot be read.
 */
export async function closeHour(context: Context, hours: HourStore, hour: HourToClose): Promise<HourRow> {
  const { hourMs, generation } = hour;
  const { backend } = context;
  const keys = await latestKeys(backend, hourMs, generation);
  const outcomes = await firstWritten(backend, keys.outcomes, outcomesText(hour.packs));
  const packs = decided(hour, { key: keys.outcomes, text: textOf(outcomes) });
  const list = await firstWritten(backend, keys.packs, packsText(packs));
  if (parsePacks(textOf(list), keys.packs).length !== packs.length) throw damaged(keys.packs);
  const known = await seedsBefore(context, hour);
  const made = packs.map(
    ({ pack_id }) => known.get(pack_id) ?? { pack_id, seed: randomBytes(SEED_BYTES).toString('hex') },
  );
  const stored = await firstWritten(backend, keys.seeds, seedsText(made));
  const seeds = seedsByPack(textOf(stored), keys.seeds);
  const files = {
    packs_file: hourFile(keys.packs, list),
    outcomes_file: hourFile(keys.outcomes, outcomes),
    seeds_file: hourFile(keys.seeds, stored),
  };
  return commitHour(context, hours, { hourMs, generation, packs, seeds, files, revision: 0 });
}

/** A file of an earlier attempt decides the packs of the generation, and their outcomes. */
function decided({ packs }: HourToClose, file: { key: string; text: string }): PackRow[] {
  const rows = new Map(packs.map((row) => [row.pack_id, row]));
  return parseOutcomes(file.text, file.key).map(({ pack_id, outcomes }) => {
    const row = rows.get(pack_id);
    if (row === undefined || row.outcomes.length !== outcomes.length) throw damaged(file.key);
    return { ...row, outcomes };
  });
}

/** The seeds of the previous generation, whose packs keep their roots. Packs whose seeds were dropped get new ones. */
async function seedsBefore({ backend }: Context, { previous }: HourToClose): Promise<ReadonlyMap<string, PackSeed>> {
  const file = previous?.seeds_file;
  const bytes = file === undefined ? null : await backend.files.get(file.key);
  return file === undefined || bytes === null ? new Map() : seedsByPack(textOf(bytes), file.key);
}

/** A revision of a generation whose packs and seeds are decided. */
export interface HourRevision extends Omit<HourParts, 'moved'> {
  readonly revision: number;
  /** The root of the generation, if it has one. */
  readonly root?: string | undefined;
  readonly files: Readonly<Record<'packs_file' | 'outcomes_file' | 'seeds_file', HourFile>>;
}

/** Derives the files of an hour from its packs, and commits them. */
export async function commitHour(context: Context, hours: HourStore, hour: HourRevision): Promise<HourRow> {
  const { hourMs, generation, revision, packs, files } = hour;
  const { leaves, ...derived } = await deriveHour(context, hours, { ...hour, moved: await movedLines(hours, hourMs) });
  const root = hourRootText(leaves);
  if (root !== (hour.root ?? root)) throw new KitError('HOUR_DAMAGED', `packs of the hour ${hourMs} have changed`);
  const row: HourRow = {
    hour_ms: hourMs,
    generation,
    revision,
    root,
    packs: packs.length,
    ...countsOf(packs),
    ...boundsOf(derived.columns.map(({ zone }) => zone)),
    closed_ms: context.backend.clock.now(),
    form: [CELLS_FORM, RECEIPTS_FORM, WRITER].join(', '),
    ...files,
    ...derived,
  };
  return hours.commit(
    row,
    packs.map(({ pack_id }) => pack_id),
  );
}

async function movedLines(hours: HourStore, hourMs: number): Promise<Map<string, Set<number>>> {
  const range = { fromMs: hourMs, toMs: hourMs + MS_PER_HOUR };
  const moved = new Map<string, Set<number>>();
  for await (const { pack_id, line } of readPages((cursor) => hours.listMoved({ ...range, cursor }))) {
    const known = moved.get(pack_id);
    if (known === undefined) moved.set(pack_id, new Set([line]));
    else known.add(line);
  }
  return moved;
}

function countsOf(packs: readonly PackRow[]) {
  const counts: Record<string, number> = {};
  let receipts = 0;
  for (const { outcomes } of packs) {
    receipts += outcomes.length;
    for (const letter of outcomes) counts[letter] = (counts[letter] ?? 0) + 1;
  }
  const [first_pack_id, last_pack_id] = [packs[0]?.pack_id ?? '', packs.at(-1)?.pack_id ?? ''];
  return { receipts, counts, first_pack_id, last_pack_id };
}

function boundsOf(zones: readonly ColumnZone[]) {
  const least = (values: readonly (number | null)[]) => {
    return values.reduce<number | null>((a, b) => (a === null || b === null ? (a ?? b) : Math.min(a, b)), null);
  };
  const greatest = (values: readonly (number | null)[]) => {
    return values.reduce<number | null>((a, b) => (a === null || b === null ? (a ?? b) : Math.max(a, b)), null);
  };
  return {
    received_min_ms: least(zones.map((zone) => zone.received_min_ms)) ?? 0,
    received_max_ms: greatest(zones.map((zone) => zone.received_max_ms)) ?? 0,
    event_min_ms: least(zones.map((zone) => zone.event_min_ms)),
    event_max_ms: greatest(zones.map((zone) => zone.event_max_ms)),
  };
}
