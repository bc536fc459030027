import { KitError } from '@pik/schema';

import { type FileRecord, isTooLarge, RecordBuilder } from './record.ts';

const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** Precedes each text of a JSON text sequence (RFC 7464). */
const RECORD_SEPARATOR = 0x1e;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** How values are separated: as elements of an array, or consecutive, with nothing or white space between. */
export type ValueForm = 'array' | 'values';

/** State of the scanner: between two values, in a value with brackets, or in a value without. */
type State = 'between' | 'closed' | 'bare';

/** Splits bytes into JSON values by brackets and strings, chunk by chunk, without parsing them. */
export class ValueScanner {
  #line = 1;
  #column = 0;
  #state: State = 'between';
  #depth = 0;
  #inString = false;
  #escaped = false;
  #started = { line: 1, column: 1 };
  /** In an array: before its bracket, after a value, or after a comma. */
  #array: 'outside' | 'empty' | 'value' | 'comma' = 'outside';
  readonly #form: ValueForm;
  readonly #builder = new RecordBuilder();

  constructor(form: ValueForm) {
    this.#form = form;
  }

  /** The values that end in this chunk. If the form is broken, the fault follows them. */
  scan(chunk: Uint8Array): { records: FileRecord[]; fault: string | null } {
    const records: FileRecord[] = [];
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] ?? 0;
      this.#column += 1;
      if (this.#state === 'between') {
        const fault = this.#between(byte);
        if (fault !== null) return { records, fault };
        if (!this.#isBetween) start = i;
      } else if (this.#state === 'closed') {
        if (this.#closes(byte)) {
          this.#builder.add(chunk.subarray(start, i + 1));
          records.push(this.#take());
        }
      } else if (this.#endsBare(byte)) {
        this.#builder.add(chunk.subarray(start, i));
        records.push(this.#take());
        const fault = this.#between(byte);
        if (fault !== null) return { records, fault };
        if (!this.#isBetween) start = i;
      }
      if (byte === NEWLINE) {
        this.#line += 1;
        this.#column = 0;
      }
    }
    if (this.#state !== 'between') this.#builder.add(chunk.subarray(start));
    return { records, fault: null };
  }

  /** The value that ends with the file, or the fault of that end. */
  end(): { record: FileRecord | null; fault: string | null } {
    if (this.#state === 'bare' && this.#array === 'outside') return { record: this.#take(), fault: null };
    const { line, column } = this.#started;
    if (this.#state !== 'between')
      return { record: null, fault: `ends in the middle of the record that starts at ${line}:${column}` };
    return { record: null, fault: this.#array === 'outside' ? null : 'ends before its array does' };
  }

  /** Handles a byte outside all values; returns its fault, if any. */
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

  get #isBetween(): boolean {
    return this.#state === 'between';
  }

  get #here(): string {
    return `${this.#line}:${this.#column}`;
  }

  #begin(byte: number): void {
    this.#started = { line: this.#line, column: this.#column };
    this.#inString = byte === QUOTE;
    const closes = byte === OPEN_OBJECT || byte === OPEN_LIST;
    this.#depth = closes ? 1 : 0;
    this.#state = closes ? 'closed' : 'bare';
  }

  /** True for the bracket that closes the value. */
  #closes(byte: number): boolean {
    if (this.#skipsString(byte)) return false;
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) this.#depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) this.#depth -= 1;
    return this.#depth === 0;
  }

  /** True for the first byte after a value without brackets. */
  #endsBare(byte: number): boolean {
    // Between consecutive values such text is not JSON, and may contain an unclosed quote.
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
    const isBare = this.#state === 'bare';
    this.#state = 'between';
    this.#inString = false;
    const stop = isBare && bytes !== null ? trimmedLength(bytes) : size;
    const fitting = bytes === null || isTooLarge(stop) ? null : bytes.subarray(0, stop);
    return { bytes: fitting, size: stop, ...this.#started };
  }
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === NEWLINE || byte === RETURN || byte === TAB;
}

function trimmedLength(bytes: Uint8Array): number {
  return bytes.findLastIndex((byte) => !isBlank(byte)) + 1;
}

/**
 * The records of a file that is a JSON array of them or has them consecutively.
 *
 * @throws KitError `FILE_DAMAGED` after the last record that could be read.
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
