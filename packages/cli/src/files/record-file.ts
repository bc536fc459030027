import { KitError } from '@pik/schema';

import { nameOf, openFile } from './byte-source.ts';
import { detect, type FileForm } from './detect.ts';
import { lineRecords } from './line-records.ts';
import type { FileRecord } from './record.ts';
import { valueRecords } from './value-records.ts';

/** A file of records that is open, after what it is was found out. */
export interface RecordFile {
  readonly file: string;
  /** What errors call it. */
  readonly name: string;
  readonly form: FileForm;
  readonly gzip: boolean;
  /** Bytes on the disk; 0 where that is not known. */
  readonly size: number;
  readonly bytesRead: () => number;
  readonly repeatable: boolean;
  /**
   * The records in their order, some at a time. Memory is bounded whatever the size of the file and of its records.
   * Throws KitError `FILE_DAMAGED` behind the last record that can be read.
   */
  readonly records: AsyncGenerator<FileRecord[], void>;
  /** Lets go of the file. */
  readonly close: () => void;
}

/**
 * Opens `FILE`, or `-` for standard input: NDJSON, a JSON array, or JSON values one after another, as gzip or plain.
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

/** The error of a file that was found damaged before anything of it was sent; any other stays as it is. */
export function nothingSent(error: unknown, { file, gzip }: Pick<RecordFile, 'file' | 'gzip'>): unknown {
  if (!KitError.is(error) || error.code !== 'FILE_DAMAGED') return error;
  const way =
    gzip && file !== '-' ? `; to send what can be unpacked of it, pipe gzip -dc ${file} into this command` : '';
  return new KitError(error.code, `${error.message}; 0 records were taken, nothing was sent${way}`, { cause: error });
}

/** Where a record stands, as `FILE:LINE`; with its first byte where a line may have several. */
export function placeOf({ name, form }: Pick<RecordFile, 'name' | 'form'>, { line, column }: FileRecord): string {
  return form === 'lines' ? `${name}:${line}` : `${name}:${line}:${column}`;
}
