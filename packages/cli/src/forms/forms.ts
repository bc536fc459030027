import { KitError } from '@pik/schema';

import { writeOut } from '../output.ts';
import { csvLine, csvText } from './rules/csv.ts';

/** Forms of an answer on standard output. */
export const FORMS = ['table', 'json', 'ndjson', 'csv'] as const;

/** Form of an answer on standard output. */
export type Form = (typeof FORMS)[number];

/** Options that choose the form. */
export interface FormOptions {
  readonly output?: Form | undefined;
  /** The same as `--output json`; for a command that prints what it finds, as `--output ndjson`. */
  readonly json?: boolean | undefined;
}

/** The form of an answer. */
export function formOf({ output, json }: FormOptions): Form {
  return output ?? (json === true ? 'json' : 'table');
}

/** Prints rows that are all there: as a list, as lines or as CSV. */
export function printRows(form: Exclude<Form, 'table'>, rows: readonly unknown[]): void {
  if (form === 'json') writeOut(`${JSON.stringify(rows)}\n`);
  else if (form === 'csv') writeOut(csvText(rows));
  else for (const row of rows) writeOut(`${JSON.stringify(row)}\n`);
}

/** Prints rows one by one. */
export interface RowWriter {
  write(row: object): void;
  /** Ends the list. */
  end(): void;
}

/** How rows that are found one by one are printed. */
export interface RowStream {
  /** The columns of CSV, which is begun before all rows are known. */
  readonly columns: readonly string[];
  /** True if the rows never end: then they cannot be one JSON document. */
  readonly isEndless?: boolean | undefined;
}

/**
 * Creates the writer of rows that are printed when they are found; null for the form that people read.
 *
 * @throws KitError `REQUEST_INVALID` for one JSON document of rows that never end.
 */
export function rowWriter(options: FormOptions, { columns, isEndless = false }: RowStream): RowWriter | null {
  const form = options.output ?? (options.json === true ? 'ndjson' : 'table');
  if (form === 'table') return null;
  if (form === 'ndjson') return { write: (row) => writeOut(`${JSON.stringify(row)}\n`), end() {} };
  if (form === 'csv') {
    writeOut(csvLine(columns));
    return { write: (row) => writeOut(csvLine(columns.map((name) => Reflect.get(row, name)))), end() {} };
  }
  if (isEndless)
    throw new KitError('REQUEST_INVALID', '--output json needs an end; --output ndjson prints a line each');
  let count = 0;
  return {
    write(row) {
      writeOut(`${count === 0 ? '[' : ',\n'}${JSON.stringify(row)}`);
      count += 1;
    },
    end: () => writeOut(count === 0 ? '[]\n' : ']\n'),
  };
}
