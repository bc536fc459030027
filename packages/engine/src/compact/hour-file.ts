import { createHash } from 'node:crypto';

import { KitError } from '@pik/schema';

import type { Backend } from '../ports/backend.ts';
import type { HourFile, HourRow } from '../ports/closed-hours.ts';
import { readPages } from '../runtime/pages.ts';
import { damaged, type HourKeys, hourFileOf, hourFolder, hourKeys, isDerivedOf } from './rules/hour-files.ts';

type Files = Pick<Backend, 'files'>;

/** The size and hash of a file, as commit rows name it. */
export function hourFile(key: string, bytes: Uint8Array): HourFile {
  return { key, bytes: bytes.length, sha256: hashText(bytes) };
}

/** The SHA-256 of bytes, in hexadecimal. */
export function hashText(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The start of the hash of a file, for its name. */
export function hashName(bytes: Uint8Array): string {
  return hashText(bytes).slice(0, 16);
}

/** Reads a file of a closed hour. Throws `HOUR_DAMAGED` if it is missing, or its bytes are not those that were committed. */
export async function readHourFile({ files }: Files, file: HourFile): Promise<Uint8Array> {
  const bytes = await files.get(file.key);
  if (bytes === null) throw new KitError('HOUR_DAMAGED', `the file ${file.key} is missing`);
  if (bytes.length !== file.bytes || hashText(bytes) !== file.sha256) throw damaged(file.key);
  return bytes;
}

/** The derived files of a closed hour. */
export function derivedFiles(row: HourRow): readonly HourFile[] {
  const { cells_file, identities_file = [], intervals_file = [], columns, moved_file, words = [] } = row;
  return [cells_file, identities_file, intervals_file, columns, moved_file ?? [], words].flat();
}

/** Whether all files that a commit names are of its hour, and those that cannot be derived again are of its generation. */
export function hasOwnFiles(row: HourRow): boolean {
  const isOf = ({ key }: HourFile, kind: string) => {
    const file = key.startsWith(hourFolder(row.hour_ms)) ? hourFileOf(key) : null;
    return file?.generation === row.generation && file.kind === kind;
  };
  return (
    isOf(row.packs_file, 'packs') &&
    isOf(row.outcomes_file, 'outcomes') &&
    isOf(row.seeds_file, 'seeds') &&
    derivedFiles(row).every(({ key }) => isDerivedOf(key, row.hour_ms))
  );
}

/** The keys of the files of a generation in their latest versions, of packs and seeds each. */
export async function latestKeys({ files }: Files, hourMs: number, generation: number): Promise<HourKeys> {
  let keys = hourKeys(hourMs, generation);
  let [packs, seeds] = [0, 0];
  for await (const key of readPages((cursor) => files.list(hourFolder(hourMs), cursor))) {
    const file = hourFileOf(key);
    if (file?.generation !== generation) continue;
    if (file.kind === 'packs') packs = Math.max(packs, file.version);
    if (file.kind === 'seeds') seeds = Math.max(seeds, file.version);
  }
  keys = { ...keys, packs: hourKeys(hourMs, generation, packs).packs };
  return { ...keys, seeds: hourKeys(hourMs, generation, seeds).seeds };
}

/** Stores a text unless one is stored under its key; returns the bytes that stay: those of the first writer. */
export async function firstWritten({ files }: Files, key: string, text: string): Promise<Uint8Array> {
  const known = await files.get(key);
  if (known !== null) return known;
  const bytes = new TextEncoder().encode(text);
  try {
    await files.put(key, bytes);
    return bytes;
  } catch (error) {
    if (!KitError.is(error) || error.code !== 'FILE_EXISTS') throw error;
  }
  const stored = await files.get(key);
  if (stored === null) throw damaged(key);
  return stored;
}

/** Bytes of a file as text. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
