import { KitError } from '@pik/schema';

import { nameOf, openFile } from './byte-source.ts';
import { detect, type FileForm } from './detect.ts';
import { lineRecords } from './line-records.ts';
import type { FileRecord } from './record.ts';
import { valueRecords } from './value-records.ts';

/** Forms of files whose rows need a map. */
export type RowForm = 'csv' | 'parquet';

/** An open file of records whose form has been detected. */
export interface RecordFile {
  readonly file: string;
  /** Its name in errors. */
  readonly name: string;
  readonly form: FileForm | RowForm;
  readonly gzip: boolean;
  /** Size on disk; 0 if unknown. */
  readonly size: number;
  readonly bytesRead: () => number;
  readonly repeatable: boolean;
  /**
   * The records in order, some at a time. Memory is bounded whatever the size of the file and its records. Throws
   * KitError `FILE_DAMAGED` after the last record that can be read.
   */
  readonly records: AsyncGenerator<FileRecord[], void>;
  /** Closes the file. */
  readonly close: () => void;
}

/**
 * Opens `FILE`, or `-` for standard input: NDJSON, a JSON array, or consecutive JSON values, as gzip or plain.
 *
 * @throws KitError `FILE_INVALID`, `FILE_DAMAGED`.
 */
export async function openRecords(file: string): Promise<RecordFile> {
  const { source, ...facts } = await openFile(file);
  const name = nameOf(file);
  let form: FileForm;
  let start: number;
  try {
    ({ form, start } = await detect(source, name));
  } catch (error) {
    facts.close();
    throw nothingSent(error, { file, gzip: facts.gzip });
  }
  const chunks = source.rest(start);
  const records = form === 'lines' ? lineRecords(chunks) : valueRecords(chunks, { form, name });
  return { file, name, form, ...facts, records };
}

/** The error for a file found damaged before anything was sent; other errors stay unchanged. */
export function nothingSent(error: unknown, { file, gzip }: Pick<RecordFile, 'file' | 'gzip'>): unknown {
  if (!KitError.is(error) || error.code !== 'FILE_DAMAGED') return error;
  const way = gzip && file !== '-' ? `; to send the intact part, pipe gzip -dc ${file} into this command` : '';
  return new KitError(error.code, `${error.message}; 0 records were taken, nothing was sent${way}`, { cause: error });
}

/** The place of a record as `FILE:LINE`, with the column if a line may have several records. */
export function placeOf({ name, form }: Pick<RecordFile, 'name' | 'form'>, { line, column }: FileRecord): string {
  return form === 'array' || form === 'values' ? `${name}:${line}:${column}` : `${name}:${line}`;
}
