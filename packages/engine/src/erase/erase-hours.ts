import { formatEpochMs, MS_PER_DAY, MS_PER_HOUR } from '@pik/schema';

import { dayFolders, storeDay, storeDayIntervals } from '../compact/day-file.ts';
import { derivedFiles, firstWritten, latestKeys, textOf } from '../compact/hour-file.ts';
import { reviseHour } from '../compact/revise-hour.ts';
import {
  DAY_IDENTITIES_PREFIX,
  DAY_INTERVALS_PREFIX,
  DAYS_PREFIX,
  derivedFolders,
  hourFileOf,
  hourFolder,
  hourKeys,
  type PackSeed,
  parsePacks,
  parseSeeds,
  seedsText,
} from '../compact/rules/hour-files.ts';
import { saltsOf } from '../compact/salts.ts';
import type { HourRow } from '../ports/closed-hours.ts';
import { readPages } from '../runtime/pages.ts';
import { generationsOf } from './hour-seeds.ts';
import type { Erasing } from './rewrite-packs.ts';
import { saltsWithout } from './rules/erased-lines.ts';

/** The erased lines of the packs of an hour. */
export type ErasedLinesOf = ReadonlyMap<string, ReadonlySet<number>>;

/**
 * Removes erased lines from everything that was derived from an hour: stores seeds without their salts, new lists of packs and a new
 * revision of its commit over new files, then removes the old files. The root of the hour stays the same.
 */
export async function eraseHour(erasing: Erasing, hourMs: number, erased: ErasedLinesOf): Promise<void> {
  const { context, eraser, effect } = erasing;
  const { backend } = context;
  for (const generation of await generationsOf(backend, hourMs))
    await writeVersion(erasing, hourMs, { generation, erased });
  const hours = backend.hours;
  const [row] = (await hours?.list({ fromMs: hourMs, toMs: hourMs + 1 }))?.items ?? [];
  const keys = row === undefined ? null : await latestKeys(backend, hourMs, row.generation);
  let latest = row ?? null;
  if (hours !== undefined && row !== undefined && row.seeds_file.key !== keys?.seeds) {
    effect('revision of the hour');
    latest = await reviseHour(context, hours, row);
  }
  effect('commits of the hour');
  await eraser.dropCommits(hourMs);
  for (const key of await outdatedFiles(erasing, hourMs, latest)) {
    effect('file of the hour');
    await eraser.removeFile(key);
  }
}

/** The next version of the seeds and the list of packs of a generation, unless the latest one is without the erased lines. */
async function writeVersion(
  { context, eraser, effect }: Erasing,
  hourMs: number,
  { generation, erased }: { generation: number; erased: ErasedLinesOf },
): Promise<void> {
  const { backend } = context;
  const keys = await latestKeys(backend, hourMs, generation);
  const [packs, seeds] = [await backend.files.get(keys.packs), await backend.files.get(keys.seeds)];
  // A compaction that ended before it stored seeds has covered no line; the next one lists the packs as they are now.
  if (packs !== null && seeds === null) await eraser.removeFile(keys.packs);
  if (packs === null || seeds === null) return;
  const before = parseSeeds(textOf(seeds), keys.seeds);
  const outcomes = new Map(parsePacks(textOf(packs), keys.packs).map((pack) => [pack.pack_id, pack]));
  const now = before.map((one) => withoutLines(one, erased.get(one.pack_id), linesIn(outcomes.get(one.pack_id))));
  const [of, ofPacks] = [hourFileOf(keys.seeds)?.version ?? 0, hourFileOf(keys.packs)?.version ?? 0];
  const version = seedsText(now) === seedsText(before) ? of : of + 1;
  if (version === 0 || (ofPacks >= version && version === of)) return;
  const next = hourKeys(hourMs, generation, version);
  const lines: string[] = [];
  for (const pack of outcomes.values()) {
    const row = await backend.index.getPack(pack.pack_id);
    lines.push(`${JSON.stringify(row === null ? pack : { ...pack, sha256: row.sha256, bytes: row.bytes })}\n`);
  }
  // The list first, so that a process that finds the new seeds finds the list too.
  effect('packs of the hour');
  await firstWritten(backend, next.packs, lines.join(''));
  effect('seeds of the hour');
  await firstWritten(backend, next.seeds, seedsText(now));
}

function linesIn(pack: { readonly requests: readonly { readonly lines: number }[] } | undefined): number {
  return pack?.requests.reduce((sum, { lines }) => sum + lines, 0) ?? 0;
}

function withoutLines(one: PackSeed, erased: ReadonlySet<number> | undefined, lines: number): PackSeed {
  if (erased === undefined) return one;
  return { pack_id: one.pack_id, salts: saltsWithout(saltsOf(one, lines), erased) };
}

/** The files of an hour that its latest commit does not name, and earlier versions of those that cannot be derived. */
async function outdatedFiles({ context }: Erasing, hourMs: number, row: HourRow | null): Promise<string[]> {
  const { files } = context.backend;
  const outdated: string[] = [];
  const latest = new Map<string, number>();
  const own: string[] = [];
  for await (const key of readPages((cursor) => files.list(hourFolder(hourMs), cursor))) own.push(key);
  const nameOf = (key: string) => {
    const { generation = 0, kind = '' } = hourFileOf(key) ?? {};
    return `${generation} ${kind}`;
  };
  const versionOf = (key: string) => hourFileOf(key)?.version ?? 0;
  for (const key of own) latest.set(nameOf(key), Math.max(latest.get(nameOf(key)) ?? 0, versionOf(key)));
  for (const key of own) if (versionOf(key) < (latest.get(nameOf(key)) ?? 0)) outdated.push(key);
  const named = new Set(row === null ? [] : derivedFiles(row).map(({ key }) => key));
  for (const folder of derivedFolders(hourMs))
    for await (const key of readPages((cursor) => files.list(folder, cursor))) if (!named.has(key)) outdated.push(key);
  return outdated;
}

/** Makes the rows of a stored day again if it has some, and removes the old ones. */
export async function eraseDay({ context, eraser, effect }: Erasing, dayMs: number): Promise<void> {
  const { files, hours } = context.backend;
  const date = formatEpochMs(dayMs).slice(0, 10);
  const before: string[] = [];
  for (const prefix of [DAYS_PREFIX, DAY_IDENTITIES_PREFIX, DAY_INTERVALS_PREFIX])
    for await (const key of readPages((cursor) => files.list(`${prefix}stored_date=${date}/`, cursor)))
      before.push(key);
  if (before.length === 0 || hours === undefined) return;
  const rows: HourRow[] = [];
  const range = { fromMs: dayMs, toMs: dayMs + MS_PER_DAY };
  for await (const row of readPages((cursor) => hours.list({ ...range, cursor }))) rows.push(row);
  await storeDayIntervals({ files }, rows);
  if (!rows.some(({ moved_file }) => moved_file !== null)) await storeDay({ files }, rows);
  const folders = dayFolders(rows);
  for (const key of before) {
    if (folders.some((folder) => key.startsWith(folder))) continue;
    effect('file of the day');
    await eraser.removeFile(key);
  }
}

/** The hours and days in which packs were stored. */
export function hoursOf(storedMs: readonly number[]): { readonly hours: number[]; readonly days: number[] } {
  const floor = (unit: number) =>
    [...new Set(storedMs.map((ms) => Math.floor(ms / unit) * unit))].sort((a, b) => a - b);
  return { hours: floor(MS_PER_HOUR), days: floor(MS_PER_DAY) };
}
