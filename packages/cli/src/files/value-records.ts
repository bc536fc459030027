import { KitError } from '@pik/schema';

import { type FileRecord, isTooLarge, RecordBuilder } from './record.ts';

const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** Stands before each text of a JSON text sequence (RFC 7464). */
const RECORD_SEPARATOR = 0x1e;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** How values follow each other: as elements of an array, or one after another with nothing between or anything blank. */
export type ValueForm = 'array' | 'values';

/** Where the scan is: between two values; in one that its bracket closes; in one that has no brackets. */
type Place = 'between' | 'closed' | 'bare';

/** Cuts bytes into JSON values by their brackets and strings, chunk by chunk, without a look at what is inside. */
export class ValueScanner {
  #line = 1;
  #column = 0;
  #place: Place = 'between';
  #depth = 0;
  #inString = false;
  #escaped = false;
  #started = { line: 1, column: 1 };
  /** Of an array: before its bracket, behind a value, or behind a comma. */
  #array: 'outside' | 'empty' | 'value' | 'comma' = 'outside';
  readonly #form: ValueForm;
  readonly #builder = new RecordBuilder();

  constructor(form: ValueForm) {
    this.#form = form;
  }

  /** The values that end in this chunk. Where the form is broken, the fault follows them. */
  scan(chunk: Uint8Array): { records: FileRecord[]; fault: string | null } {
    const records: FileRecord[] = [];
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] as number;
      this.#column += 1;
      if (this.#place === 'between') {
        const fault = this.#between(byte);
        if (fault !== null) return { records, fault };
        if ((this.#place as Place) !== 'between') start = i;
      } else if (this.#place === 'closed') {
        if (this.#closes(byte)) {
          this.#builder.add(chunk.subarray(start, i + 1));
          records.push(this.#take());
        }
      } else if (this.#endsBare(byte)) {
        this.#builder.add(chunk.subarray(start, i));
        records.push(this.#take());
        const fault = this.#between(byte);
        if (fault !== null) return { records, fault };
        if ((this.#place as Place) !== 'between') start = i;
      }
      if (byte === NEWLINE) {
        this.#line += 1;
        this.#column = 0;
      }
    }
    if (this.#place !== 'between') this.#builder.add(chunk.subarray(start));
    return { records, fault: null };
  }

  /** What ends at the end of the file, or what is wrong with that end. */
  end(): { record: FileRecord | null; fault: string | null } {
    if (this.#place === 'bare' && this.#array === 'outside') return { record: this.#take(), fault: null };
    const { line, column } = this.#started;
    if (this.#place !== 'between')
      return { record: null, fault: `ends in the middle of the record that starts at ${line}:${column}` };
    return { record: null, fault: this.#array === 'outside' ? null : 'ends before its array does' };
  }

  /** A byte outside all values; gives what is wrong with it. */
  #between(byte: number): string | null {
    if (isBlank(byte)) return null;
    if (this.#form === 'values') {
      if (byte !== RECORD_SEPARATOR) this.#begin(byte);
      return null;
    }
    if (this.#array === 'outside') {
      if (byte !== OPEN_LIST) return `has something other than an array at ${this.#here}`;
      this.#array = 'empty';
      return null;
    }
    if (byte === COMMA || byte === CLOSE_LIST) {
      const isMissing = byte === COMMA ? this.#array !== 'value' : this.#array === 'comma';
      this.#array = byte === COMMA ? 'comma' : 'outside';
      return isMissing ? `has no record before ${this.#here}` : null;
    }
    if (this.#array === 'value') return `has no comma between two records at ${this.#here}`;
    this.#array = 'value';
    this.#begin(byte);
    return null;
  }

  get #here(): string {
    return `${this.#line}:${this.#column}`;
  }

  #begin(byte: number): void {
    this.#started = { line: this.#line, column: this.#column };
    this.#inString = byte === QUOTE;
    const closes = byte === OPEN_OBJECT || byte === OPEN_LIST;
    this.#depth = closes ? 1 : 0;
    this.#place = closes ? 'closed' : 'bare';
  }

  /** True for the bracket that closes the value. */
  #closes(byte: number): boolean {
    if (this.#skipsString(byte)) return false;
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) this.#depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) this.#depth -= 1;
    return this.#depth === 0;
  }

  /** True for the first byte that is not part of a value without brackets. */
  #endsBare(byte: number): boolean {
    // Between values that follow each other this is no value at all, and may have a quote that nothing closes.
    if (this.#array === 'outside') return byte === NEWLINE || byte === OPEN_OBJECT;
    if (this.#skipsString(byte)) return false;
    return byte === COMMA || byte === CLOSE_LIST || isBlank(byte);
  }

  #skipsString(byte: number): boolean {
    if (!this.#inString) {
      this.#inString = byte === QUOTE;
      return this.#inString;
    }
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inString = false;
    return true;
  }

  #take(): FileRecord {
    const { size } = this.#builder;
    const bytes = this.#builder.take();
    const isBare = this.#place === 'bare';
    this.#place = 'between';
    this.#inString = false;
    const stop = isBare && bytes !== null ? trimmedLength(bytes) : size;
    const whole = bytes === null || isTooLarge(stop) ? null : bytes.subarray(0, stop);
    return { bytes: whole, size: stop, ...this.#started };
  }
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === NEWLINE || byte === RETURN || byte === TAB;
}

function trimmedLength(bytes: Uint8Array): number {
  let length = bytes.length;
  while (length > 0 && isBlank(bytes[length - 1] as number)) length -= 1;
  return length;
}

/**
 * The records of a file that is an array of them, or has them one after another.
 *
 * @throws KitError `FILE_DAMAGED` behind the last record that could be read.
 */
export async function* valueRecords(
  chunks: AsyncIterable<Uint8Array>,
  { form, name }: { form: ValueForm; name: string },
): AsyncGenerator<FileRecord[]> {
  const scanner = new ValueScanner(form);
  for await (const chunk of chunks) {
    const { records, fault } = scanner.scan(chunk);
    if (records.length > 0) yield records;
    if (fault !== null) throw new KitError('FILE_DAMAGED', `${name} ${fault}`);
  }
  const { record, fault } = scanner.end();
  if (record !== null) yield [record];
  if (fault !== null) throw new KitError('FILE_DAMAGED', `${name} ${fault}`);
}
