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

/** Makes the lines of a live request without their heads. It keeps nothing of a record. */
export interface LinesBuilder {
  add(record: ParsedRecord): void;
  lines(): RequestLines;
}

/** The memory in which lines are made: grows for a large request, and is given back after a very large one. */
const SCRATCH_BYTES = 1024 * 1024;
const SCRATCH_BYTES_KEPT = 8 * SCRATCH_BYTES;

/** UTF-8 takes at most three bytes for each unit of a text. */
const BYTES_PER_UNIT_MAX = 3;

/** Makes the lines of requests, one request after another, for a thread that only parses. */
export function createLinesBuilders(): (countMax: number, principal: string | null) => LinesBuilder {
  const encode = createLineEncoder(toBase64);
  let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  const write = (text: string, at: number): number => {
    const most = at + text.length * BYTES_PER_UNIT_MAX;
    if (most > scratch.length) {
      const larger = Buffer.allocUnsafeSlow(most * 2);
      scratch.copy(larger, 0, 0, at);
      scratch = larger;
    }
    return at + scratch.write(text, at);
  };
  return (countMax, principal) => {
    const places = new Int32Array(2 * countMax);
    let [end, count, recordBytes] = [0, 0, 0];
    return {
      add(parsed) {
        const { facts, body } = encode.rest(parsed, { requestLine: count, principal });
        places[2 * count] = end;
        end = write(facts, end);
        places[2 * count + 1] = end;
        end = write(body, end);
        count += 1;
        recordBytes += bytesOfRecord(parsed);
      },
      lines() {
        // On its own memory, so that it can be handed to another thread.
        const bytes = Buffer.allocUnsafeSlow(end);
        scratch.copy(bytes, 0, 0, end);
        if (scratch.length > SCRATCH_BYTES_KEPT) scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
        return { bytes, places, recordBytes };
      },
    };
  };
}

/** The number of bytes of records as received. */
export function bytesOf(records: readonly ParsedRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += bytesOfRecord(record);
  return bytes;
}

function bytesOfRecord({ record }: ParsedRecord): number {
  return 'text' in record ? Buffer.byteLength(record.text) : record.bytes.length;
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
