import { counted, formatEpochMs, KitError, MS_PER_HOUR } from '@pik/schema';

import { COMPACT_MARK } from '../compact/compact.ts';
import { derivedFiles, hasOwnFiles, readHourFile, textOf } from '../compact/hour-file.ts';
import {
  DAY_IDENTITIES_PREFIX,
  DAY_INTERVALS_PREFIX,
  DAYS_PREFIX,
  damaged,
  HOURS_PREFIX,
  hourFolder,
  hourOfFolder,
  type ListedPack,
  type PackSeed,
  parseOutcomes,
  parsePacks,
  seedsByPack,
} from '../compact/rules/hour-files.ts';
import type { PackLeaf } from '../compact/rules/merkle.ts';
import { hourRootText, saltedRoot } from '../compact/salts.ts';
import type { HourFile, HourRow, HourStore } from '../ports/closed-hours.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { isPast, sha256Of, unpacked } from '../storage/pack-store.ts';
import { type VerifyFault, verifyFault } from './rules/verify.ts';
import { NOTHING_COUNTED, type VerifyPart, type VerifyPlace } from './verify-part.ts';

/** Half of the budget starts no further hour. */
const SHARE = 0.5;
const EVER_MS = 2 ** 47;

/**
 * Compares the commits of closed hours with their files, with the PACK rows, and their roots with the packs; and at last the files of
 * closed hours with the commits.
 */
export async function verifyHours(context: Context, place: VerifyPlace): Promise<VerifyPart> {
  const { hours } = context.backend;
  const { fromMs } = place.hours ?? { fromMs: 0 };
  const faults: VerifyFault[] = [];
  const rows = hours === undefined ? [] : (await hours.list({ fromMs, toMs: EVER_MS })).items;
  let done = 0;
  for (const row of rows) {
    if (done > 0 && (context.budget.spent() !== null || context.budget.used().share >= SHARE)) break;
    for (const one of await hourFaults(context, row).catch(asFault)) faults.push(one);
    done += 1;
  }
  const last = rows[done - 1];
  if (last === undefined && hours !== undefined)
    for (const one of await fileFaults(context, hours, place.sinceMs ?? 0)) faults.push(one);
  const { digest, sinceMs } = place;
  return {
    part: last === undefined ? 'files of hours' : `closed hours to ${hourText(last.hour_ms)}`,
    ...NOTHING_COUNTED,
    faults,
    digest,
    next: last === undefined ? null : { digest, sinceMs, hours: { fromMs: last.hour_ms + MS_PER_HOUR } },
  };
}

/** Lists that cannot be read are as their commit says: it was changed. */
function asFault(error: unknown): VerifyFault[] {
  if (!KitError.is(error) || error.code !== 'HOUR_DAMAGED') throw error;
  return [verifyFault('HOUR_DAMAGED', `${error.message}.`, {})];
}

const hourText = (hourMs: number) => formatEpochMs(hourMs).slice(0, 13);

async function hourFaults(context: Context, row: HourRow): Promise<VerifyFault[]> {
  const faults: VerifyFault[] = [];
  const { files } = context.backend;
  const differs = (text: string, pack_id?: string) => {
    const at = pack_id === undefined ? {} : { pack_id };
    faults.push(verifyFault('HOUR_DIFFERS', `The commit of the hour ${hourText(row.hour_ms)} ${text}.`, at));
  };
  const read = async (file: HourFile): Promise<string | null> => {
    try {
      return textOf(await readHourFile({ files }, file));
    } catch (error) {
      if (!KitError.is(error) || error.code !== 'HOUR_DAMAGED') throw error;
      faults.push(verifyFault('HOUR_DAMAGED', `In the hour ${hourText(row.hour_ms)}, ${error.message}.`, {}));
      return null;
    }
  };
  const derived = derivedFiles(row);
  if (!hasOwnFiles(row)) differs('names files of another hour or generation');
  for (const file of derived) await read(file);
  const [packs, outcomes, seeds] = [
    await read(row.packs_file),
    await read(row.outcomes_file),
    await read(row.seeds_file),
  ];
  if (packs === null || outcomes === null || seeds === null) return faults;
  const listed = parsePacks(packs, row.packs_file.key);
  const letters = new Map(parseOutcomes(outcomes, row.outcomes_file.key).map((one) => [one.pack_id, one.outcomes]));
  const receipts = [...letters.values()].reduce((sum, { length }) => sum + length, 0);
  const inColumns = row.columns.reduce((sum, { zone }) => sum + zone.receipts, 0);
  if (listed.length !== row.packs || receipts !== row.receipts || inColumns + (row.erased ?? 0) !== row.receipts)
    differs(
      `counts ${counted(row.packs, 'pack')} and ${counted(row.receipts, 'receipt')}, but its files have other numbers`,
    );
  for (const pack of listed) {
    const known = await context.backend.index.getPack(pack.pack_id);
    if (
      known === null
        ? !isPast(context, pack.pack_id)
        : known.sha256 !== pack.sha256 || known.outcomes !== letters.get(pack.pack_id)
    )
      differs('describes a pack differently than its PACK row', pack.pack_id);
  }
  const leaves = await leavesOf(context, listed, { letters, seeds: seedsByPack(seeds, row.seeds_file.key) });
  if (leaves !== null && hourRootText(leaves) !== row.root) differs('has a root that is not that of its packs');
  return faults;
}

/** The leaves of the packs of an hour; null if one cannot be read, which the walk along the log names. */
async function leavesOf(
  context: Context,
  packs: readonly ListedPack[],
  { letters, seeds }: { letters: ReadonlyMap<string, string>; seeds: ReadonlyMap<string, PackSeed> },
): Promise<PackLeaf[] | null> {
  const leaves: PackLeaf[] = [];
  for (const { pack_id, sha256 } of packs) {
    const [bytes, seed] = [await readPack(context, pack_id), seeds.get(pack_id)];
    if (bytes === null || seed === undefined || sha256Of(bytes) !== sha256) return null;
    const root = saltedRoot(seed, await unpacked(pack_id, bytes));
    leaves.push({ pack_id, outcomes: letters.get(pack_id) ?? '', root });
    if (context.budget.isDue()) await context.budget.turn();
  }
  return leaves;
}

async function readPack({ backend }: Context, packId: string): Promise<Uint8Array | null> {
  try {
    return await backend.rawLog.read(packId);
  } catch (error) {
    if (KitError.is(error) && error.code === 'RAW_CORRUPT') return null;
    throw error;
  }
}

/** Faults of the files of closed hours and days that no commit names. */
async function fileFaults(context: Context, hours: HourStore, sinceMs: number): Promise<VerifyFault[]> {
  return [...(await missingHours(context, hours, sinceMs)), ...(await dayFaults(context))];
}

/** Hours that were closed by the mark of the compaction and have files, but no commit. */
async function missingHours(context: Context, hours: HourStore, sinceMs: number): Promise<VerifyFault[]> {
  const { files, index } = context.backend;
  const mark = (await index.getMark(COMPACT_MARK)) ?? 0;
  const known = new Set<string>();
  for await (const { hour_ms } of readPages((cursor) => hours.list({ fromMs: 0, toMs: EVER_MS, cursor })))
    known.add(hourFolder(hour_ms));
  const missing = new Set<number>();
  for await (const key of readPages((cursor) => files.list(HOURS_PREFIX, cursor))) {
    const folder = key.slice(0, key.lastIndexOf('/') + 1);
    const hourMs = known.has(folder) ? null : hourOfFolder(folder);
    if (hourMs !== null && hourMs < mark && hourMs >= sinceMs) missing.add(hourMs);
  }
  return [...missing].map((hourMs) =>
    verifyFault('HOUR_MISSING', `The index has no commit of the closed hour ${hourText(hourMs)}.`, {}),
  );
}

/** Files of days are named by their SHA-256. */
async function dayFaults({ backend: { files }, budget }: Context): Promise<VerifyFault[]> {
  const faults: VerifyFault[] = [];
  for (const prefix of [DAYS_PREFIX, DAY_IDENTITIES_PREFIX, DAY_INTERVALS_PREFIX])
    for await (const key of readPages((cursor) => files.list(prefix, cursor), budget)) {
      const bytes = await files.get(key);
      if (bytes !== null && !key.endsWith(`/${sha256Of(bytes)}.parquet`))
        faults.push(verifyFault('HOUR_DAMAGED', `${damaged(key).message}.`, {}));
    }
  return faults;
}
