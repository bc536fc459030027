import { createHash } from 'node:crypto';

import { MS_PER_DAY } from '@pik/schema';

import { dayRows } from '../cells/rules/day-rows.ts';
import type { Backend } from '../ports/backend.ts';
import type { CellRow } from '../ports/cell-row.ts';
import type { HourRow } from '../ports/closed-hours.ts';
import { readable, readStoredCells } from './cells-file.ts';
import { hashText } from './hour-file.ts';
import { parquetBytes, readParquet, WRITER } from './parquet.ts';
import { CELLS_FORM, cellColumns, cellsOf } from './rules/cell-columns.ts';
import { damaged, dayFolder } from './rules/hour-files.ts';

type Files = Pick<Backend, 'files'>;

/** The stored day of an hour, as its start. */
export function dayOf({ hour_ms }: Pick<HourRow, 'hour_ms'>): number {
  return Math.floor(hour_ms / MS_PER_DAY) * MS_PER_DAY;
}

/**
 * The folder of the day cells of these hours, which are all of a stored day. It follows from their commits, so that the cells of other
 * generations or revisions are in other folders; the name of the one file in it is the SHA-256 of its bytes.
 */
function folderOf(hours: readonly HourRow[]): string {
  const made = hours.map(({ hour_ms, generation, revision, cells_file }) => {
    return [hour_ms, generation, revision, cells_file.sha256];
  });
  const name = createHash('sha256')
    .update(JSON.stringify([CELLS_FORM, WRITER, made]))
    .digest('hex');
  return dayFolder(hours[0]?.hour_ms ?? 0, name.slice(0, 16));
}

/** Stores the day cells of the hours of a stored day, unless they are stored. Throws `HOUR_DAMAGED` for cells that cannot be read. */
export async function storeDay({ files }: Files, hours: readonly HourRow[]): Promise<void> {
  const folder = folderOf(hours);
  if ((await files.list(folder)).items.length > 0) return;
  const cells: CellRow[][] = [];
  for (const hour of hours) cells.push(await readStoredCells({ files }, hour));
  const bytes = parquetBytes(cellColumns(dayRows(cells)), CELLS_FORM);
  await files.put(`${folder}${hashText(bytes)}.parquet`, bytes);
}

/** The day cells of these hours; null if they are not stored. Throws `HOUR_DAMAGED` if they cannot be read. */
export async function readDayFile({ files }: Files, hours: readonly HourRow[]): Promise<CellRow[] | null> {
  const folder = folderOf(hours);
  const [key] = (await files.list(folder)).items;
  const bytes = key === undefined ? null : await files.get(key);
  if (key === undefined || bytes === null) return null;
  if (key !== `${folder}${hashText(bytes)}.parquet`) throw damaged(key);
  return readable(key, async () => cellsOf(await readParquet(bytes, CELLS_FORM)));
}
