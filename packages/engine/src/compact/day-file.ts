import { createHash } from 'node:crypto';

import { MS_PER_DAY } from '@pik/schema';

import { dayRows } from '../cells/rules/day-rows.ts';
import { dayIdentities } from '../cells/rules/identities.ts';
import { dayIntervals } from '../cells/rules/intervals.ts';
import type { Backend } from '../ports/backend.ts';
import type { CellRow, IdentitiesRow, IntervalsRow } from '../ports/cell-row.ts';
import type { HourRow } from '../ports/closed-hours.ts';
import { readable, readStoredCells, readStoredIdentities, readStoredIntervals } from './cells-file.ts';
import { hashText } from './hour-file.ts';
import { parquetBytes, readParquet, WRITER } from './parquet.ts';
import { CELLS_FORM, cellColumns, cellsOf } from './rules/cell-columns.ts';
import type { Column, ReadColumns } from './rules/column.ts';
import { DAY_IDENTITIES_PREFIX, DAY_INTERVALS_PREFIX, DAYS_PREFIX, damaged, dayFolder } from './rules/hour-files.ts';
import { IDENTITIES_FORM, identitiesOf, identityColumns } from './rules/identity-columns.ts';
import { INTERVALS_FORM, intervalColumns, intervalRowsOf } from './rules/interval-columns.ts';

type Files = Pick<Backend, 'files'>;

/** The stored day of an hour, as its start. */
export function dayOf({ hour_ms }: Pick<HourRow, 'hour_ms'>): number {
  return Math.floor(hour_ms / MS_PER_DAY) * MS_PER_DAY;
}

/** A kind of rows of stored days, made from the rows of their hours. */
interface DayKind<T> {
  readonly prefix: string;
  readonly form: string;
  /** The rows of an hour; null if it has none. */
  readonly readHour: (parts: Files, hour: HourRow) => Promise<readonly T[] | null>;
  readonly merge: (hours: readonly (readonly T[])[]) => readonly T[];
  readonly columns: (rows: readonly T[]) => Column[];
  readonly rows: (columns: ReadColumns) => T[];
}

const CELLS: DayKind<CellRow> = {
  prefix: DAYS_PREFIX,
  form: CELLS_FORM,
  readHour: readStoredCells,
  merge: dayRows,
  columns: cellColumns,
  rows: cellsOf,
};

const IDENTITIES: DayKind<IdentitiesRow> = {
  prefix: DAY_IDENTITIES_PREFIX,
  form: IDENTITIES_FORM,
  readHour: readStoredIdentities,
  merge: dayIdentities,
  columns: identityColumns,
  rows: identitiesOf,
};

const INTERVALS: DayKind<IntervalsRow> = {
  prefix: DAY_INTERVALS_PREFIX,
  form: INTERVALS_FORM,
  readHour: readStoredIntervals,
  merge: dayIntervals,
  columns: intervalColumns,
  rows: intervalRowsOf,
};

/**
 * The folder of a kind of rows of these hours, which are all of a stored day. It follows from their commits, so that those of other
 * generations or revisions are in other folders; the name of the one file in it is the SHA-256 of its bytes.
 */
function folderOf({ prefix, form }: Pick<DayKind<never>, 'prefix' | 'form'>, hours: readonly HourRow[]): string {
  const made = hours.map(({ hour_ms, generation, revision, cells_file }) => {
    return [hour_ms, generation, revision, cells_file.sha256];
  });
  const name = createHash('sha256')
    .update(JSON.stringify([form, WRITER, made]))
    .digest('hex');
  return dayFolder(prefix, hours[0]?.hour_ms ?? 0, name.slice(0, 16));
}

/** The folders of the rows of these hours, which are all of a stored day. */
export function dayFolders(hours: readonly HourRow[]): string[] {
  return [IDENTITIES, CELLS, INTERVALS].map((kind) => folderOf(kind, hours));
}

/** Stores the sequence numbers of producers in the hours of a stored day, unless they are stored. Throws as `storeDay`. */
export function storeDayIntervals(parts: Files, hours: readonly HourRow[]): Promise<void> {
  return storeKind(parts, hours, INTERVALS);
}

/**
 * Stores the cells and identities of the hours of a stored day, unless they are stored. Throws `HOUR_DAMAGED` for rows that cannot be
 * read.
 */
export async function storeDay(parts: Files, hours: readonly HourRow[]): Promise<void> {
  await storeKind(parts, hours, IDENTITIES);
  await storeKind(parts, hours, CELLS);
}

async function storeKind<T>(parts: Files, hours: readonly HourRow[], kind: DayKind<T>): Promise<void> {
  const folder = folderOf(kind, hours);
  if ((await parts.files.list(folder)).items.length > 0) return;
  const rows: (readonly T[])[] = [];
  for (const hour of hours) {
    const ofHour = await kind.readHour(parts, hour);
    if (ofHour === null) return;
    rows.push(ofHour);
  }
  const bytes = parquetBytes(kind.columns(kind.merge(rows)), kind.form);
  await parts.files.put(`${folder}${hashText(bytes)}.parquet`, bytes);
}

/** The day cells of these hours; null if they are not stored. Throws `HOUR_DAMAGED` if they cannot be read. */
export function readDayCells(parts: Files, hours: readonly HourRow[]): Promise<CellRow[] | null> {
  return readKind(parts, hours, CELLS);
}

/** The identities of the day cells of these hours; null if they are not stored. Throws `HOUR_DAMAGED` if they cannot be read. */
export function readDayIdentities(parts: Files, hours: readonly HourRow[]): Promise<IdentitiesRow[] | null> {
  return readKind(parts, hours, IDENTITIES);
}

/** The sequence numbers of producers in these hours; null if they are not stored. Throws `HOUR_DAMAGED` if they cannot be read. */
export function readDayIntervals(parts: Files, hours: readonly HourRow[]): Promise<IntervalsRow[] | null> {
  return readKind(parts, hours, INTERVALS);
}

async function readKind<T>({ files }: Files, hours: readonly HourRow[], kind: DayKind<T>): Promise<T[] | null> {
  const folder = folderOf(kind, hours);
  const [key] = (await files.list(folder)).items;
  const bytes = key === undefined ? null : await files.get(key);
  if (key === undefined || bytes === null) return null;
  if (key !== `${folder}${hashText(bytes)}.parquet`) throw damaged(key);
  return readable(key, async () => kind.rows(await readParquet(bytes, kind.form)));
}
