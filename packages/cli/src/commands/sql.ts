import { printable, tableText } from '@pik/render';
import { counted, type Match } from '@pik/schema';

import { formOf, printRows } from '../forms/forms.ts';
import { writeErr, writeOut } from '../output.ts';
import { type ReceiptsOptions, readReceipts } from '../read-receipts.ts';
import { openReceiptsDatabase, type SqlValue } from '../sql/receipts-database.ts';

/** Options of `pik sql`. */
export interface SqlOptions extends ReceiptsOptions {
  readonly receipts: string;
}

/** Loads the receipts of a range into a database in this process, and answers one statement that reads. */
export async function sql(statement: string, options: SqlOptions): Promise<boolean> {
  const receiptsMax = Number(options.receipts);
  const database = await openReceiptsDatabase(lastReceipts(options, receiptsMax));
  try {
    const { columns, rows, hasMore } = await database.query(statement);
    const form = options.json === true ? 'ndjson' : formOf(options);
    if (form !== 'table')
      printRows(
        form,
        rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i] ?? null]))),
      );
    else writeOut(`${rows.length > 0 ? `${rowsText(columns, rows)}\n` : ''}${counted(rows.length, 'row')}\n`);
    if (hasMore) writeErr(`note: only the first ${rows.length.toLocaleString('en-US')} rows\n`);
    return true;
  } finally {
    database.close();
  }
}

/** The receipts of the range, the last stored first. Says on standard error if there are more. */
async function* lastReceipts(options: SqlOptions, receiptsMax: number): AsyncGenerator<Match> {
  let count = 0;
  for await (const match of readReceipts(options)) {
    if (count === receiptsMax) {
      writeErr(`note: only the last ${counted(count, 'stored receipt')} of the range; --receipts takes more\n`);
      return;
    }
    count += 1;
    yield match;
  }
}

function rowsText(columns: readonly string[], rows: readonly (readonly SqlValue[])[]): string {
  return tableText(
    columns.map(printable),
    rows.map((row) => row.map(cell)),
  );
}

function cell(value: SqlValue): string | number | null {
  if (value === null || typeof value === 'number') return value;
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}
