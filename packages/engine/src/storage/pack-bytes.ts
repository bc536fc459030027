import type { RequestLines, RequestParts } from '../ingest/rules/arrived-request.ts';
import type { ParsedRecord } from '../ingest/rules/parse-record.ts';
import { createLineEncoder, sequenceText } from './rules/pack-codec.ts';

/** A request of a pack. */
export type PackedRecords = RequestParts & {
  readonly requestId: string;
  readonly principal: string | null;
  readonly receivedMs: number;
};

/** The UTF-8 text of a pack: that of `encodePack`, whichever thread has parsed a request. */
export function packBytes(requests: readonly PackedRecords[], sequence: number | null): Buffer {
  const encode = createLineEncoder(toBase64);
  const parts: Buffer[] = [];
  let text = '';
  let line = 0;
  for (const request of requests) {
    const at = { line, sequence };
    if (request.lines === null) text += encode.lines(request, at);
    else {
      if (text !== '') parts.push(Buffer.from(text));
      text = '';
      parts.push(lineBytes(request.lines, encode.head(request.requestId, request.receivedMs), at));
    }
    line += request.records.length;
  }
  if (text !== '') parts.push(Buffer.from(text));
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
}

/** More digits than a line number has. */
const DIGITS_MAX = 10;

/** The lines that another thread has made, with their heads and numbers. */
function lineBytes(
  { bytes, places }: RequestLines,
  headText: string,
  { line: first, sequence }: { line: number; sequence: number | null },
): Buffer {
  const head = Buffer.from(headText);
  const count = places.length / 2;
  const ofPack = Buffer.from(sequenceText({ line: first, sequence }));
  const all = Buffer.allocUnsafe(bytes.length + ofPack.length + count * (head.length + DIGITS_MAX));
  let end = 0;
  const put = (from: number, to: number) => {
    all.set(bytes.subarray(from, to), end);
    end += to - from;
  };
  for (let i = 0; i < count; i++) {
    all.set(head, end);
    end += head.length;
    end += all.write(String(first + i), end, 'latin1');
    const [start = 0, body = 0, next = bytes.length] = places.subarray(2 * i, 2 * i + 3);
    if (i > 0 || ofPack.length === 0) put(start, next);
    else {
      put(start, body);
      all.set(ofPack, end);
      end += ofPack.length;
      put(body, next);
    }
  }
  return all.subarray(0, end);
}

/** Makes the lines of a live request without their heads, for a thread that only parses. */
export function requestLines(records: readonly ParsedRecord[], principal: string | null): RequestLines {
  const encode = createLineEncoder(toBase64);
  const ends: number[] = [];
  const parts: string[] = [];
  let text = '';
  for (const [requestLine, parsed] of records.entries()) {
    const { facts, body } = encode.rest(parsed, { requestLine, principal });
    parts.push(facts, body);
    text += facts;
    ends.push(text.length);
    text += body;
    ends.push(text.length);
  }
  // On its own memory, so that it can be handed to another thread.
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return { bytes, places: placesOf(ends, bytes.length === text.length ? null : parts), recordBytes: bytesOf(records) };
}

/** The number of bytes of records as received. */
export function bytesOf(records: readonly ParsedRecord[]): number {
  let bytes = 0;
  for (const { record } of records) bytes += 'text' in record ? Buffer.byteLength(record.text) : record.bytes.length;
  return bytes;
}

/** Where the parts of a text start in its UTF-8 form; `parts` is null if each character is a byte. */
function placesOf(ends: readonly number[], parts: readonly string[] | null): RequestLines['places'] {
  const places = new Int32Array(ends.length);
  let end = 0;
  for (let i = 0; i + 1 < places.length; i++) {
    end = parts === null ? (ends[i] ?? 0) : end + Buffer.byteLength(parts[i] ?? '');
    places[i + 1] = end;
  }
  return places;
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
