import { formatEpochMs, isPackId, KitError, LETTER_OUTCOMES } from '@pik/schema';

import type { PackedRequest, PackRow } from '../../ports/rows.ts';

/** The prefix of files that are stored once when an hour is closed and cannot be derived again: outcomes, packs and seeds. */
export const HOURS_PREFIX = 'hours/v1/';
/** The prefix of files that are derived from packs and outcomes. */
export const DERIVED_PREFIX = 'derived/v1/';
/** The prefix of the cells of stored days. */
export const DAYS_PREFIX = `${DERIVED_PREFIX}days/`;
/** The prefix of the identities of stored days. */
export const DAY_IDENTITIES_PREFIX = `${DERIVED_PREFIX}day-identities/`;

/** The prefix of the sequence numbers of producers in stored days. */
export const DAY_INTERVALS_PREFIX = `${DERIVED_PREFIX}day-intervals/`;

/** The folder of the files of an hour that cannot be derived again. */
export function hourFolder(hourMs: number): string {
  const text = formatEpochMs(hourMs);
  return `${HOURS_PREFIX}${text.slice(0, 10)}/${text.slice(11, 13)}/`;
}

/** The hour of such a folder; null for another one. */
export function hourOfFolder(folder: string): number | null {
  const [, date, hour] = /^hours\/v1\/(\d{4}-\d{2}-\d{2})\/(\d{2})\/$/.exec(folder) ?? [];
  return date === undefined || hour === undefined ? null : Date.parse(`${date}T${hour}:00:00Z`);
}

/** The files of a generation that cannot be derived again. */
export interface HourKeys {
  readonly outcomes: string;
  readonly packs: string;
  readonly seeds: string;
}

/** The keys of those files. After erasures, packs and seeds have further versions, numbered from 1. */
export function hourKeys(hourMs: number, generation: number, version = 0): HourKeys {
  const start = `${hourFolder(hourMs)}g${generation}`;
  const latest = version === 0 ? start : `${start}.s${version}`;
  return { outcomes: `${start}.outcomes`, packs: `${latest}.packs`, seeds: `${latest}.seeds` };
}

/** The generation and the version of such a file; null for another key. */
export function hourFileOf(
  key: string,
): { readonly generation: number; readonly version: number; readonly kind: string } | null {
  const [, generation, version = '0', kind = ''] =
    /^hours\/v1\/[\d-]{10}\/\d{2}\/g(\d+)(?:\.s(\d+))?\.(outcomes|packs|seeds)$/.exec(key) ?? [];
  return generation === undefined ? null : { generation: Number(generation), version: Number(version), kind };
}

/** The kinds of derived files. */
export type DerivedKind = (typeof KINDS)[number];

const KINDS = ['cells', 'identities', 'intervals', 'receipts', 'moved', 'words'] as const;

/** The key of a derived file: a Hive-style folder by stored hour, and a name that says what it was made from. */
export function derivedKey(
  kind: DerivedKind,
  { hourMs, generation, name }: { hourMs: number; generation: number; name: string },
): string {
  const suffix = kind === 'words' ? 'bin' : 'parquet';
  return `${DERIVED_PREFIX}${kind}/${derivedFolder(hourMs)}g${generation}-${name}.${suffix}`;
}

/** Whether a key is that of a derived file of an hour. */
export function isDerivedOf(key: string, hourMs: number): boolean {
  return derivedFolders(hourMs).some((folder) => key.startsWith(folder));
}

/** The folders of the derived files of an hour. */
export function derivedFolders(hourMs: number): string[] {
  return KINDS.map((kind) => `${DERIVED_PREFIX}${kind}/${derivedFolder(hourMs)}`);
}

function derivedFolder(hourMs: number): string {
  const text = formatEpochMs(hourMs);
  return `stored_date=${text.slice(0, 10)}/stored_hour=${text.slice(11, 13)}/`;
}

/** A folder of a stored day; its last part is named by the caller. */
export function dayFolder(prefix: string, dayMs: number, name: string): string {
  return `${prefix}stored_date=${formatEpochMs(dayMs).slice(0, 10)}/${name}/`;
}

/** The answered outcomes of a pack: one letter per line. */
export interface PackOutcomes {
  readonly pack_id: string;
  readonly outcomes: string;
}

/** A pack of a closed hour, as its list names it. */
export interface ListedPack {
  readonly pack_id: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly imported: boolean;
  readonly received_min_ms: number;
  readonly received_max_ms: number;
  readonly requests: readonly PackedRequest[];
}

/** The salts of the lines of a pack, in hexadecimal: a seed or, after an erasure, a list with null for erased lines. */
export type PackSalts = { readonly seed: string } | { readonly salts: readonly (string | null)[] };

/** The salts of a pack in a file. */
export type PackSeed = PackSalts & { readonly pack_id: string };

/** The text of a file of outcomes: a JSON object per pack. */
export function outcomesText(packs: readonly PackOutcomes[]): string {
  return linesText(packs, ({ pack_id, outcomes }) => ({ pack_id, outcomes }));
}

/** The text of a list of packs. */
export function packsText(packs: readonly PackRow[]): string {
  return linesText(packs, ({ pack_id, sha256, bytes, imported, received_min_ms, received_max_ms, requests }) => {
    return { pack_id, sha256, bytes, imported, received_min_ms, received_max_ms, requests };
  });
}

/** The text of a file of seeds. */
export function seedsText(seeds: readonly PackSeed[]): string {
  return linesText(seeds, (one) => {
    const { pack_id } = one;
    return 'seed' in one ? { pack_id, seed: one.seed } : { pack_id, salts: one.salts };
  });
}

function linesText<T>(items: readonly T[], view: (item: T) => object): string {
  let text = '';
  for (const item of items) text += `${JSON.stringify(view(item))}\n`;
  return text;
}

/** Reads a file of outcomes. Throws `HOUR_DAMAGED`. */
export function parseOutcomes(text: string, key: string): PackOutcomes[] {
  const letters = (value: unknown) =>
    typeof value === 'string' && [...value].every((letter) => Object.hasOwn(LETTER_OUTCOMES, letter));
  return parseLines<PackOutcomes>(text, key, ({ outcomes }) => letters(outcomes));
}

/** Reads a list of packs. Throws `HOUR_DAMAGED`. */
export function parsePacks(text: string, key: string): ListedPack[] {
  return parseLines<ListedPack>(
    text,
    key,
    ({ sha256, bytes }) => typeof sha256 === 'string' && Number.isInteger(bytes),
  );
}

/** Reads a file of seeds. Throws `HOUR_DAMAGED`. */
export function parseSeeds(text: string, key: string): PackSeed[] {
  const isSalt = (salt: unknown) => typeof salt === 'string' && /^[0-9a-f]{32}$/.test(salt);
  return parseLines<{ pack_id: string; seed: unknown; salts: unknown }>(text, key, ({ seed, salts }) =>
    salts === undefined ? isSalt(seed) : Array.isArray(salts) && salts.every((salt) => salt === null || isSalt(salt)),
  ) as PackSeed[];
}

/** The salts of each pack in a file of seeds. Throws `HOUR_DAMAGED`. */
export function seedsByPack(text: string, key: string): Map<string, PackSeed> {
  return new Map(parseSeeds(text, key).map((one) => [one.pack_id, one]));
}

/** Each line names a pack, in ascending order of their ids. */
function parseLines<T extends { pack_id: string }>(
  text: string,
  key: string,
  isValid: (line: Partial<Record<keyof T, unknown>>) => boolean,
): T[] {
  const lines = text.split('\n');
  const found: T[] = [];
  if (lines.pop() !== '') throw damaged(key);
  for (const line of lines) {
    const one = parseLine<T>(line);
    if (one === null || !isPackId(String(one.pack_id)) || !isValid(one)) throw damaged(key);
    const last = found.at(-1);
    if (last !== undefined && last.pack_id >= one.pack_id) throw damaged(key);
    found.push(one);
  }
  return found;
}

function parseLine<T>(line: string): T | null {
  try {
    const value: T | null = JSON.parse(line);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

/** The error of a file of a closed hour whose bytes are not those that were written. */
export function damaged(key: string, cause?: unknown): KitError {
  return new KitError('HOUR_DAMAGED', `the file ${key} is damaged`, { cause });
}
