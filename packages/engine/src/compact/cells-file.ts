import type { Backend } from '../ports/backend.ts';
import type { CellRow, IdentitiesRow, IntervalsRow } from '../ports/cell-row.ts';
import type { HourRow } from '../ports/closed-hours.ts';
import { readHourFile } from './hour-file.ts';
import { readParquet } from './parquet.ts';
import { CELLS_FORM, cellsOf } from './rules/cell-columns.ts';
import { damaged } from './rules/hour-files.ts';
import { IDENTITIES_FORM, identitiesOf } from './rules/identity-columns.ts';
import { INTERVALS_FORM, intervalRowsOf } from './rules/interval-columns.ts';

/** The cells of an hour as they were stored. Throws `HOUR_DAMAGED`. */
export async function readStoredCells(
  { files }: Pick<Backend, 'files'>,
  { cells_file }: Pick<HourRow, 'cells_file'>,
): Promise<CellRow[]> {
  const bytes = await readHourFile({ files }, cells_file);
  return readable(cells_file.key, async () => cellsOf(await readParquet(bytes, CELLS_FORM)));
}

/** The identities of these cells; null for an hour that was closed without. Throws `HOUR_DAMAGED`. */
export async function readStoredIdentities(
  { files }: Pick<Backend, 'files'>,
  { identities_file: file }: Pick<HourRow, 'identities_file'>,
): Promise<IdentitiesRow[] | null> {
  if (file === undefined) return null;
  const bytes = await readHourFile({ files }, file);
  return readable(file.key, async () => identitiesOf(await readParquet(bytes, IDENTITIES_FORM)));
}

/** The sequence numbers of producers in an hour; null for an hour that was closed without. Throws `HOUR_DAMAGED`. */
export async function readStoredIntervals(
  { files }: Pick<Backend, 'files'>,
  { intervals_file: file }: Pick<HourRow, 'intervals_file'>,
): Promise<IntervalsRow[] | null> {
  if (file === undefined) return null;
  const bytes = await readHourFile({ files }, file);
  return readable(file.key, async () => intervalRowsOf(await readParquet(bytes, INTERVALS_FORM)));
}

/** Bytes that were committed and cannot be read are of another version, or were damaged before they were committed. */
export async function readable<T>(key: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof RangeError) throw damaged(key, error);
    throw error;
  }
}
