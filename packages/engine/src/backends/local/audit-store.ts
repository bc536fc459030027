import { randomBytes } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import { type FileHandle, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { formatEpochMs } from '@pik/schema';

import type { AuditRange, AuditStore } from '../../ports/audit-store.ts';
import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { Page } from '../../ports/queries.ts';
import { guarded, syncFolder, writeAll } from './create-only.ts';
import { isErrno } from './errno.ts';
import { makeFolder } from './make-folder.ts';

/** A page reads whole files, so that they have to be small. */
const FILE_BYTES_MAX = 1_048_576;

/** The file that records are appended to. */
interface OpenFile {
  readonly date: string;
  readonly handle: FileHandle;
  bytes: number;
}

/** The audit of a data directory: `audit/v1/<date>/<time>-<random>.ndjson`, each file written by one process. */
export function createAuditStore(dir: string): AuditStore {
  const root = join(dir, 'audit', 'v1');
  let file: OpenFile | null = null;
  const close = async () => {
    const last = file;
    file = null;
    await last?.handle.close();
  };
  const append = async (bytes: Buffer, nowMs: number) => {
    const date = dateOf(nowMs);
    if (file !== null && (file.date !== date || file.bytes >= FILE_BYTES_MAX)) await close();
    file ??= await openNew(dir, nowMs);
    const { handle } = file;
    try {
      await writeAll(handle, bytes);
      await handle.datasync();
      file.bytes += bytes.length;
    } catch (error) {
      // Its last line may be incomplete, so nothing may follow it; and a failed sync is final.
      await close().catch(() => {});
      throw error;
    }
  };
  return {
    append: (lines, nowMs) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      return guarded(() => append(bytes, nowMs), 'STORE_UNAVAILABLE');
    },
    list: (range) => guarded(() => listPage(root, range), 'STORE_UNAVAILABLE'),
    removeBefore: (ms) => guarded(() => removeBefore(root, dateOf(ms)), 'STORE_UNAVAILABLE'),
    close,
  };
}

const dateOf = (ms: number) => formatEpochMs(ms).slice(0, 10);

/** Opens a new file whose name, and those of its folders, are durable. */
async function openNew(dir: string, nowMs: number): Promise<OpenFile> {
  const date = dateOf(nowMs);
  const folder = join(dir, 'audit', 'v1', date);
  makeFolder(folder);
  const name = `${formatEpochMs(nowMs).slice(11, 23).replaceAll(/[:.]/g, '')}-${randomBytes(6).toString('hex')}.ndjson`;
  const handle = await open(join(folder, name), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    for (const path of [folder, join(dir, 'audit', 'v1'), join(dir, 'audit'), dir]) await syncFolder(path);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return { date, handle, bytes: 0 };
}

async function listPage(root: string, { fromMs, toMs, limit, cursor }: AuditRange): Promise<Page<string>> {
  const [from, before] = decodeCursor(cursor, ['string', 'number']) ?? [null, Number.MAX_SAFE_INTEGER];
  const keys = (await filesBetween(root, fromMs, toMs)).filter((key) => from === null || key <= from);
  const items: string[] = [];
  for (const key of keys) {
    const lines = wholeLines(await readText(join(root, key)));
    const end = key === from ? Math.min(before, lines.length) : lines.length;
    const start = Math.max(0, end - (limit - items.length));
    for (const line of lines.slice(start, end).reverse()) items.push(line);
    const isLast = start === 0 && key === keys.at(-1);
    if (items.length === limit && !isLast) return { items, next: encodeCursor([key, start]) };
  }
  return { items, next: null };
}

/** The files of the days of a range, the latest first, as `<date>/<name>`. */
async function filesBetween(root: string, fromMs: number, toMs: number): Promise<string[]> {
  const [first, last] = [dateBound(fromMs), dateBound(toMs)];
  const dates = (await entries(root)).map(({ name }) => name).filter((date) => date >= first && date <= last);
  const keys: string[] = [];
  for (const date of dates) for (const { name } of await entries(join(root, date))) keys.push(`${date}/${name}`);
  return keys.sort().reverse();
}

/** The date of a bound; one outside the years that dates have is as good as the nearest. */
function dateBound(ms: number): string {
  const [earliest, latest] = [Date.UTC(1970, 0, 1), Date.UTC(9999, 11, 31)];
  return dateOf(Math.min(Math.max(ms, earliest), latest));
}

/** The lines of a text, without a last one that a crash or a write in progress has left incomplete. */
function wholeLines(text: string): string[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1);
}

/** Empty for a file that was removed since it was listed. */
async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    return '';
  }
}

async function removeBefore(root: string, date: string): Promise<number> {
  const past = (await entries(root)).filter(({ name }) => name < date);
  for (const { name } of past) await rm(join(root, name), { recursive: true, force: true });
  if (past.length > 0) await syncFolder(root);
  return past.length;
}

async function entries(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
