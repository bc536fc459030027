import { basename } from 'node:path';
import { KitError } from '@pik/schema';
import { type MapOutput, mapLine, type RecordMap } from '@pik/taps';

import { type ByteSource, nameOf, openFile } from './byte-source.ts';
import { csvRows, delimiterOf, isCsv } from './csv-rows.ts';
import { isParquet, parquetRows } from './parquet-rows.ts';
import type { FileRecord } from './record.ts';
import { openRecords, type RecordFile } from './record-file.ts';
import type { Row } from './row.ts';

/** A row and what its map read. */
export interface MappedRow {
  readonly line: number;
  /** The column of a record that shares its line; else 1. */
  readonly column: number;
  /** The line to send; null for a record that is left out. */
  readonly sent: string | null;
  readonly read: MapOutput | null;
  readonly fault: string | null;
}

/** A file whose rows a map reads. */
export interface MappedFile {
  readonly source: Omit<RecordFile, 'records'>;
  readonly rows: AsyncGenerator<MappedRow[]>;
}

/**
 * Opens a file of any form, and reads its rows by a map: Parquet, JSON as `openRecords` reads it, else CSV.
 *
 * @throws KitError `FILE_INVALID`, `FILE_DAMAGED`.
 */
export async function openMapped(file: string, map: RecordMap): Promise<MappedFile> {
  const { source, ...facts } = await openFile(file);
  while (source.sample.length < 4 && !source.atEnd) await source.more();
  const form = await rowForm(source);
  if (form === null) {
    facts.close();
    const { records, ...known } = await openRecords(file);
    return { source: known, rows: mapped(jsonRows(records), { map, file, isJson: true }) };
  }
  const name = nameOf(file);
  if (form === 'parquet' && !facts.repeatable) {
    facts.close();
    throw new KitError('FILE_INVALID', `${name} is Parquet, which is read from its end; name a file on disk`);
  }
  const rows =
    form === 'parquet' ? parquetRows(file) : csvRows(source.rest(), { delimiter: delimiterOf(source.sample), name });
  return { source: { file, name, form, ...facts }, rows: mapped(rows, { map, file, isJson: form === 'parquet' }) };
}

/** The form of a file whose rows have columns; null for JSON, and for whatever is left to the detection of records. */
async function rowForm(source: ByteSource): Promise<'csv' | 'parquet' | null> {
  if (isParquet(source.sample)) return 'parquet';
  while (!source.sample.includes(0x0a) && !source.atEnd && source.sample.length < 65_536) await source.more();
  const first = source.sample.find((byte) => byte > 0x20 && byte < 0x80);
  return first === 0x7b || first === 0x5b || !isCsv(source.sample) ? null : 'csv';
}

async function* jsonRows(records: AsyncIterable<FileRecord[]>): AsyncGenerator<(Row & { column: number })[]> {
  for await (const batch of records)
    yield batch.map(({ bytes, line, column, size }) => ({
      ...{ line, column, columns: undefined },
      // Larger than an event may be; the line says so.
      bytes: bytes ?? new Uint8Array(size),
    }));
}

async function* mapped(
  rows: AsyncIterable<readonly (Row & { column?: number })[]>,
  { map, file, isJson }: { map: RecordMap; file: string; isJson: boolean },
): AsyncGenerator<MappedRow[]> {
  for await (const batch of rows)
    yield batch.map(({ bytes, line, column = 1, columns }) => {
      const facts = { file: basename(file), line: String(line) };
      // The text of other records is JSON, and so their payload by default.
      const payload = isJson ? undefined : columns;
      const options = columns === undefined ? {} : { value: () => columns, payload };
      const { line: sent, read, fault } = mapLine(map, { bytes, id: null, key: null, storedMs: null, facts }, options);
      return { line, column, sent, read, fault };
    });
}

/** The rows as records to send; those that the map leaves out are counted. */
export function recordsOf({ source, rows }: MappedFile, onLeftOut: () => void): RecordFile {
  return { ...source, records: toRecords(rows, onLeftOut) };
}

async function* toRecords(rows: AsyncIterable<MappedRow[]>, onLeftOut: () => void): AsyncGenerator<FileRecord[]> {
  for await (const batch of rows) {
    const records: FileRecord[] = [];
    for (const { line, column, sent } of batch) {
      if (sent === null) onLeftOut();
      else records.push(recordOf(sent, { line, column }));
    }
    if (records.length > 0) yield records;
  }
}

function recordOf(sent: string, place: Pick<FileRecord, 'line' | 'column'>): FileRecord {
  const bytes = Buffer.from(sent);
  return { bytes, size: bytes.length, ...place };
}
