import { linkSync, rmSync } from 'node:fs';

import { counted, KitError, type Match } from '@pik/schema';

import { errorMessage, isErrno } from '../errno.ts';
import { writeOut } from '../output.ts';
import { type ReceiptsOptions, readReceipts } from '../read-receipts.ts';
import { payloadText } from '../sql/payload-text.ts';
import { COLUMNS } from '../sql/views.ts';

/** A group of rows is written when it has this many rows, or this many characters of received text. */
const GROUP = { rows: 20_000, chars: 32_000_000 };

type Value = string | number | boolean | null;

/** Writes the receipts of a range to a Parquet file with the columns of the view `receipts`. Never replaces a file. */
export async function exportParquet(file: string, options: ReceiptsOptions): Promise<void> {
  const partial = `${file}.partial-${process.pid}`;
  try {
    const rows = await writeFile(partial, readReceipts(options));
    // Unlike a rename, a link never replaces a file that exists.
    linkSync(partial, file);
    writeOut(
      options.json === true ? `${JSON.stringify({ file, rows })}\n` : `written: ${file}, ${counted(rows, 'receipt')}\n`,
    );
  } catch (cause) {
    if (isErrno(cause, 'EEXIST')) throw new KitError('FILE_INVALID', `${file} exists; name a new file`, { cause });
    if (KitError.is(cause)) throw cause;
    throw new KitError('FILE_INVALID', `${file} cannot be written: ${errorMessage(cause)}`, { cause });
  } finally {
    rmSync(partial, { force: true });
  }
}

async function writeFile(file: string, matches: AsyncIterable<Match>): Promise<number> {
  const { fileWriter, ParquetWriter } = await import('hyparquet-writer');
  const schema = [{ name: 'root', num_children: COLUMNS.length }, ...COLUMNS.map(elementOf)];
  const writer = new ParquetWriter({ writer: fileWriter(file), schema, createdBy: 'pik' });
  let count = 0;
  let chars = 0;
  let rows: Value[][] = [];
  const flush = async () => {
    await writer.write({
      columnData: COLUMNS.map((name, i) => ({ name, data: rows.map((row) => row[i] ?? null) })),
      rowGroupSize: rows.length,
    });
    [rows, chars] = [[], 0];
  };
  for await (const match of matches) {
    rows.push(rowOf(match));
    count += 1;
    chars += match.body?.length ?? 0;
    if (rows.length >= GROUP.rows || chars >= GROUP.chars) await flush();
  }
  if (rows.length > 0) await flush();
  await writer.finish();
  return count;
}

function rowOf(match: Match): Value[] {
  const row: Record<(typeof COLUMNS)[number], Value> = {
    ...match,
    payload: payloadText(match.body),
    body: match.body ?? null,
  };
  return COLUMNS.map((name) => row[name]);
}

function elementOf(name: (typeof COLUMNS)[number]) {
  const repetition_type = 'OPTIONAL';
  if (name === 'line') return { name, repetition_type, type: 'INT32' } as const;
  if (name === 'imported') return { name, repetition_type, type: 'BOOLEAN' } as const;
  return { name, repetition_type, type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;
}
