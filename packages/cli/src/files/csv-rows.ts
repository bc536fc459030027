import { Readable } from 'node:stream';
import { KitError } from '@pik/schema';

import { errorMessage } from '../errno.ts';
import type { Row } from './row.ts';

/** Delimiters that a CSV file may have; the most frequent in its first line is the one. */
const DELIMITERS = [',', ';', '\t', '|'];
/** Rows that are handed over at a time. */
const ROWS = 1_000;

/** The delimiter of a CSV file, by its first line. */
export function delimiterOf(sample: Uint8Array): string {
  const text = Buffer.from(sample).toString();
  const [first = ''] = text.split('\n', 1);
  const count = (delimiter: string) => first.split(delimiter).length;
  return DELIMITERS.toSorted((a, b) => count(b) - count(a))[0] ?? ',';
}

/** A record of csv-parse with the options `raw` and `info`. */
interface Parsed {
  readonly raw: string;
  readonly record: Readonly<Record<string, string>>;
  readonly info: { readonly lines: number };
}

/**
 * The rows of a CSV file in UTF-8, whose first line names the columns. A row may span lines within quotes. Throws KitError `FILE_DAMAGED`
 * after the last row that can be read.
 */
export async function* csvRows(
  chunks: AsyncIterable<Uint8Array>,
  { delimiter, name }: { delimiter: string; name: string },
): AsyncGenerator<Row[]> {
  const { parse } = await import('csv-parse');
  const parser = parse({
    bom: true,
    columns: true,
    delimiter,
    info: true,
    raw: true,
    relax_column_count: true,
    skip_empty_lines: true,
  });
  // An error of the file is one of the parser, so that a single loop sees it.
  const source = Readable.from(chunks).on('error', (error) => parser.destroy(error));
  const rows: Row[] = [];
  let line = 2;
  try {
    for await (const one of source.pipe(parser)) {
      const { raw, record, info }: Parsed = one;
      // The parser counts the end of a line to the row before it or after it.
      const text = raw.replace(/^[\r\n]+|[\r\n]+$/g, '');
      rows.push({ bytes: Buffer.from(text), line: info.lines - (text.split('\n').length - 1), columns: record });
      line = info.lines + 1;
      if (rows.length >= ROWS) yield rows.splice(0);
    }
  } catch (cause) {
    if (rows.length > 0) yield rows.splice(0);
    if (KitError.is(cause)) throw cause;
    throw new KitError('FILE_DAMAGED', `${name} cannot be read beyond line ${line}: ${errorMessage(cause)}`, { cause });
  }
  if (rows.length > 0) yield rows;
}

/** True for a file that may be CSV: its first line is text. */
export function isCsv(sample: Uint8Array): boolean {
  const end = sample.indexOf(0x0a);
  return !sample.subarray(0, end === -1 ? sample.length : end).includes(0);
}
