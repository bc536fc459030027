import { KitError, LIMITS } from '@pik/schema';

import { splitJsonArray } from './json-scan.ts';

/** One record as received: its text, or its bytes if they are not UTF-8. */
export type RawRecord = { readonly text: string } | { readonly bytes: Uint8Array };

/** A request body split into records, each exactly as received. */
export interface SplitBody {
  readonly records: readonly RawRecord[];
  /** True if the body was one value, not a list, and gets a single answer. */
  readonly single: boolean;
  /** True if the body could not be split; its only record is the whole body. */
  readonly unreadable: boolean;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/**
 * Splits a body into records without losing a byte of any. Blank lines of NDJSON are skipped.
 *
 * @throws KitError `TOO_MANY_EVENTS`, `EVENT_TOO_LARGE`; both are checked here, before any durable effect.
 */
export function splitBody(body: Uint8Array, format: 'json' | 'ndjson'): SplitBody {
  const text = decode(body);
  const split = format === 'ndjson' ? splitLines(body, text) : splitJson(body, text);
  checkRecords(split.records);
  return split;
}

/** Checks the number and sizes of records. Throws `TOO_MANY_EVENTS`, `EVENT_TOO_LARGE`. */
export function checkRecords(records: readonly RawRecord[]): void {
  if (records.length > LIMITS.events_per_request_max)
    throw new KitError('TOO_MANY_EVENTS', `${records.length} records; at most ${LIMITS.events_per_request_max}`);
  for (const [line, record] of records.entries()) checkSize(record, line);
}

/** Bytes as one record: their text, if they are UTF-8. */
export function rawRecord(bytes: Uint8Array): RawRecord {
  const text = decode(bytes);
  return text === null ? { bytes } : { text };
}

function decode(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

function splitJson(body: Uint8Array, text: string | null): SplitBody {
  if (text === null) return { records: [{ bytes: body }], single: true, unreadable: true };
  if (!/^[ \t\r\n]*\[/.test(text)) return { records: [{ text }], single: true, unreadable: false };
  const spans = splitJsonArray(text);
  if (spans === null) return { records: [{ text }], single: true, unreadable: true };
  return { records: spans.map(([start, end]) => ({ text: text.slice(start, end) })), single: false, unreadable: false };
}

function splitLines(body: Uint8Array, text: string | null): SplitBody {
  const records: RawRecord[] = text === null ? byteLines(body) : textLines(text);
  return { records, single: false, unreadable: false };
}

function textLines(text: string): RawRecord[] {
  const records: RawRecord[] = [];
  for (let start = 0; start < text.length; ) {
    let end = text.indexOf('\n', start);
    if (end === -1) end = text.length;
    const stop = end > start && text.charCodeAt(end - 1) === RETURN ? end - 1 : end;
    const line = text.slice(start, stop);
    if (!isBlank(line)) records.push({ text: line });
    start = end + 1;
  }
  return records;
}

/** Splits by bytes, for a body that is not UTF-8 as a whole: one bad line must not spoil the others. */
function byteLines(body: Uint8Array): RawRecord[] {
  const records: RawRecord[] = [];
  for (let start = 0; start < body.length; ) {
    let end = body.indexOf(NEWLINE, start);
    if (end === -1) end = body.length;
    const stop = end > start && body[end - 1] === RETURN ? end - 1 : end;
    const bytes = body.subarray(start, stop);
    const text = decode(bytes);
    if (text === null) records.push({ bytes });
    else if (!isBlank(text)) records.push({ text });
    start = end + 1;
  }
  return records;
}

function isBlank(line: string): boolean {
  const first = line.charCodeAt(0);
  if (first === 0x7b) return false;
  return /^[ \t\r]*$/.test(line);
}

function checkSize(record: RawRecord, line: number): void {
  const max = LIMITS.event_bytes_max;
  const fits = 'text' in record ? fitsUtf8(record.text, max) : record.bytes.length <= max;
  if (!fits) throw new KitError('EVENT_TOO_LARGE', `record ${line} has more than ${max} bytes`, { path: `/${line}` });
}

const encoder = new TextEncoder();

/** True if the UTF-8 form of the text has at most `bytesMax` bytes; encodes it only if the length does not decide. */
export function fitsUtf8(text: string, bytesMax: number): boolean {
  if (text.length * 3 <= bytesMax) return true;
  if (text.length > bytesMax) return false;
  return encoder.encode(text).length <= bytesMax;
}
