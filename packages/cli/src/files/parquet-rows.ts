// As a whole: a Node without Zstandard runs all other commands.
import * as zlib from 'node:zlib';
import { KitError } from '@pik/schema';

import { errorMessage } from '../errno.ts';
import type { Row } from './row.ts';

/** Rows that are handed over at a time. */
const ROWS = 1_000;

/** True for the first bytes of a Parquet file. */
export function isParquet(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'PAR1';
}

/**
 * The rows of a Parquet file, one row group in memory at a time. The bytes of a row are its columns as JSON: integers beyond a double
 * keep their digits, times are RFC 3339, and other bytes are base64.
 *
 * Throws KitError `FILE_DAMAGED`.
 */
export async function* parquetRows(file: string): AsyncGenerator<Row[]> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const compressors = {
    GZIP: (bytes: Uint8Array) => zlib.gunzipSync(bytes),
    ZSTD: (bytes: Uint8Array) => zlib.zstdDecompressSync(bytes),
    BROTLI: (bytes: Uint8Array) => zlib.brotliDecompressSync(bytes),
  };
  let line = 1;
  try {
    const buffer = await asyncBufferFromFile(file);
    const metadata = await parquetMetadataAsync(buffer);
    let start = 0;
    for (const { num_rows } of metadata.row_groups) {
      const end = start + Number(num_rows);
      const objects = await parquetReadObjects({ file: buffer, metadata, compressors, rowStart: start, rowEnd: end });
      for (let i = 0; i < objects.length; i += ROWS) {
        const rows = objects.slice(i, i + ROWS).map((columns, n) => rowOf(columns, line + n));
        line += rows.length;
        yield rows;
      }
      start = end;
    }
  } catch (cause) {
    throw new KitError('FILE_DAMAGED', `${file} cannot be read beyond row ${line}: ${errorMessage(cause)}`, { cause });
  }
}

function rowOf(object: Record<string, unknown>, line: number): Row {
  const text = JSON.stringify(object, function plain(this: Record<string, unknown>, name, value: unknown) {
    // `value` of a time is its text already.
    const own = this[name];
    if (typeof own === 'bigint') return JSON.rawJSON(String(own));
    return own instanceof Uint8Array ? Buffer.from(own).toString('base64') : value;
  });
  const columns: Record<string, unknown> = JSON.parse(text);
  return { bytes: Buffer.from(text), line, columns };
}
