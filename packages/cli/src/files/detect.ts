import { KitError } from '@pik/schema';

import type { ByteSource } from './byte-source.ts';
import { foreignForm } from './foreign-forms.ts';
import { isJson, isObjectText, syntaxFault } from './json-text.ts';
import { lineRecords } from './line-records.ts';
import type { FileRecord } from './record.ts';
import { type ValueForm, ValueScanner } from './value-records.ts';

/** How the records of a file are separated. */
export type FileForm = 'lines' | ValueForm;

/** The form of a file and the offset of its first record, after a byte order mark. */
export interface Detected {
  readonly form: FileForm;
  readonly start: number;
}

/** Bytes inspected before a file without any record is refused. */
const SAMPLE_BYTES = 1024 * 1024;
/** The same if a list or an object has begun and not ended yet. */
const OPEN_SAMPLE_BYTES = 16 * 1024 * 1024;

const OPEN_LIST = 0x5b;
const OPEN_OBJECT = 0x7b;

/**
 * Detects the form of a file before anything is sent.
 *
 * @throws KitError `FILE_INVALID` with the fault of the first line if no record can be read.
 */
export async function detect(source: ByteSource, name: string): Promise<Detected> {
  for (;;) {
    const start = markLength(source.sample);
    const form = await judge(source, { name, start });
    if (form !== null) return { form, start };
    await source.more();
  }
}

/** The length of the UTF-8 byte order mark, which JSON parsers may ignore. */
function markLength([a, b, c]: Uint8Array): number {
  return a === 0xef && b === 0xbb && c === 0xbf ? 3 : 0;
}

/** The form of the file; null if more of it has to be read to decide. */
async function judge(source: ByteSource, { name, start }: { name: string; start: number }): Promise<FileForm | null> {
  const sample = source.sample.subarray(start);
  const { atEnd } = source;
  const first = sample.find((byte) => byte > 0x20);
  if (first === undefined) return atEnd ? 'lines' : null;
  const foreign = foreignForm(source.sample);
  if (foreign !== null) throw new KitError('FILE_INVALID', `${name} ${foreign}; nothing was sent`);
  const found = await (first === OPEN_LIST ? arrayForm(sample, atEnd) : objectForm(sample, { atEnd, first }));
  if (found !== null) return found;
  const enough = first === OPEN_LIST || first === OPEN_OBJECT ? OPEN_SAMPLE_BYTES : SAMPLE_BYTES;
  if (!atEnd && sample.length < enough) return null;
  if (!atEnd && isOpen(sample, first))
    return first === OPEN_LIST ? 'array' : sample.includes(0x0a) ? 'values' : 'lines';
  throw await refusal(sample, { name, atEnd, first });
}

async function arrayForm(sample: Uint8Array, atEnd: boolean): Promise<FileForm | null> {
  const { records, fault } = new ValueScanner('array').scan(sample);
  if (records.some(isRecord)) return 'array';
  const end = sample.indexOf(0x0a);
  const isEmpty = fault === null && records.length === 0 && atEnd && /^\s*(\[\s*\]\s*)+$/.test(textOf(sample));
  if (isEmpty) return 'array';
  // A list on its own line is not an event, but other lines may hold events.
  const isLine = end !== -1 && isJson(textOf(sample.subarray(0, end)));
  return isLine ? lineForm(sample, atEnd) : null;
}

/**
 * Distinguishes consecutive values from lines by the first value: it does not end with its line. An unreadable line
 * does not matter if another line can be read: over HTTP, too, only that line is rejected.
 */
async function objectForm(
  sample: Uint8Array,
  { atEnd, first }: { atEnd: boolean; first: number },
): Promise<FileForm | null> {
  if (first === OPEN_OBJECT) {
    const [value] = new ValueScanner('values').scan(sample).records;
    // A value that continues may contain lines that look like records.
    if (value === undefined && !atEnd && sample.length < SAMPLE_BYTES) return null;
    if (value !== undefined && isRecord(value)) {
      if (value.bytes?.includes(0x0a)) return 'values';
      const behind = restOfLine(sample, value);
      if (behind === null && !atEnd) return null;
      if (behind?.startsWith('{')) return 'values';
    }
  }
  return lineForm(sample, atEnd);
}

async function lineForm(sample: Uint8Array, atEnd: boolean): Promise<FileForm | null> {
  for await (const records of lineRecords(completeLines(sample, atEnd))) if (records.some(isRecord)) return 'lines';
  return null;
}

/** The text after the first value on its line; null if the sample ends before the line does. */
function restOfLine(sample: Uint8Array, value: FileRecord): string | null {
  const begin = sample.indexOf(OPEN_OBJECT) + value.size;
  const end = sample.indexOf(0x0a, begin);
  const rest = textOf(sample.subarray(begin, end === -1 ? sample.length : end)).trim();
  return rest === '' && end === -1 ? null : rest;
}

async function* completeLines(sample: Uint8Array, atEnd: boolean): AsyncGenerator<Uint8Array> {
  yield atEnd ? sample : sample.subarray(0, sample.lastIndexOf(0x0a) + 1);
}

function isRecord({ bytes }: FileRecord): boolean {
  return bytes !== null && isObjectText(textOf(bytes));
}

/** True if the first record extends beyond the sample: it is too large, but later records may be fine. */
function isOpen(sample: Uint8Array, first: number): boolean {
  if (first !== OPEN_LIST && first !== OPEN_OBJECT) return false;
  return new ValueScanner(first === OPEN_LIST ? 'array' : 'values').scan(sample).records.length === 0;
}

/** Decodes each byte as one character, which is enough to parse the structure whatever encoding the strings have. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

async function refusal(
  sample: Uint8Array,
  { name, atEnd, first }: { name: string; atEnd: boolean; first: number },
): Promise<KitError> {
  const place = (line: number) => `${name}:${line}`;
  const end = '; nothing was sent';
  if (first === OPEN_LIST) {
    const scanner = new ValueScanner('array');
    const { records, fault } = scanner.scan(sample);
    const [record] = records;
    if (record?.bytes != null)
      return new KitError('FILE_INVALID', `${place(record.line)}: ${syntaxFault(textOf(record.bytes))}${end}`);
    const broken = fault ?? (atEnd ? scanner.end().fault : null) ?? 'has no record that can be read';
    return new KitError('FILE_INVALID', `${name} ${broken}${end}`);
  }
  for await (const [record] of lineRecords(completeLines(sample, true)))
    return new KitError('FILE_INVALID', `${place(record?.line ?? 1)}: ${lineFault(record, sample)}${end}`);
  return new KitError('FILE_INVALID', `${name} has no record that can be read${end}`);
}

function lineFault(record: FileRecord | undefined, sample: Uint8Array): string {
  const text = record?.bytes == null ? '' : textOf(record.bytes);
  const columns = csvColumns(text, sample);
  if (columns === null) return syntaxFault(text);
  return `looks like CSV (${columns}), but records must be JSON: convert each row to an object with source, event_type, entity_id, event_time and payload, one per line`;
}

const COLUMNS_NAMED = 6;

/** The columns in the first line if the file may be CSV. */
function csvColumns(text: string, sample: Uint8Array): string | null {
  if (/^\s*[{[]/.test(text)) return null;
  const separator = [',', ';', '\t', '|'].find((mark) => text.includes(mark));
  if (separator === undefined) return null;
  const columns = Buffer.from(sample.subarray(0, sample.indexOf(0x0a) + 1 || sample.length))
    .toString('utf8')
    .trim()
    .split(separator);
  const named = columns.slice(0, COLUMNS_NAMED).map((column) =>
    column
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .slice(0, 40),
  );
  return `columns ${named.join(', ')}${columns.length > COLUMNS_NAMED ? ', …' : ''}`;
}
