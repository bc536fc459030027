import { KitError, LIMITS, MAPPED_FIELDS, type MappedRecord, sha256Hex } from '@pik/schema';

import { parseExact } from './exact-json.ts';
import type { MapInput, MapOutput, RecordMap } from './record-map.ts';
import type { TapRecord } from './tap.ts';

/** Of a record beyond the limit of an event, the receipt keeps this many bytes, with its size and digest. */
const KEPT_OF_LARGE_BYTES = 4_096;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A record with the line to send for it, and what its map read. */
export interface MappedLine {
  /** A `MappedRecord` as JSON; null if the map leaves the record out. */
  readonly line: string | null;
  readonly read: MapOutput | null;
  /** Why the record is not an event; null if it is one. */
  readonly fault: string | null;
}

/** Facts about a record that are not in the record itself. */
export interface MapLineOptions {
  /** Its value, if that is not its text as JSON. */
  readonly value?: (() => unknown) | undefined;
  /** The payload of an event to which its map gives none. Default: the record. */
  readonly payload?: unknown;
  /** The key of an event to which its map gives none. Default: none, so the content identifies it. */
  readonly key?: string | undefined;
}

/**
 * Reads a record by a map. Every record gets a line, so that none is lost: one that the map cannot read, and one that is too large,
 * is kept as a rejected receipt.
 */
export function mapLine(
  map: RecordMap,
  record: TapRecord,
  { value, key, payload: row }: MapLineOptions = {},
): MappedLine {
  const own = `${map.name} ${map.version}`;
  let read: MapOutput | null;
  try {
    read = checkedOutput(map.map(inputOf(record, value)));
  } catch (error) {
    return faulty(own, record, `the map threw: ${errorMessage(error)}`);
  }
  if (read === null) return { line: null, read, fault: null };
  const { payload = row, payload_json, ...given } = read;
  const { idempotency_key = key } = given;
  const fields = { ...given, idempotency_key: idempotency_key ?? undefined };
  const payloadPart = payload_json === undefined ? { payload } : { payload: parseExact(payload_json) };
  const line = { map: own, ...bytesOf(record.bytes), fields, facts: record.facts, ...payloadPart };
  const text = JSON.stringify(line satisfies MappedRecord);
  const tooLarge = sizeFault(record, text);
  return tooLarge === null ? { line: text, read, fault: null } : faulty(own, record, tooLarge);
}

function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function inputOf(record: TapRecord, value?: () => unknown): MapInput {
  const text = Buffer.from(record.bytes.buffer, record.bytes.byteOffset, record.bytes.length).toString();
  return { ...record, text, value: value ?? (() => JSON.parse(text)) };
}

function checkedOutput(read: unknown): MapOutput | null {
  if (read === null || read === undefined) return null;
  if (typeof read !== 'object' || Array.isArray(read) || read instanceof Promise)
    throw new KitError('FIELD_INVALID', 'a map returns the fields of an event, or null');
  const unknown = Object.keys(read).find((name) => !KNOWN.has(name));
  if (unknown !== undefined) throw new KitError('FIELD_INVALID', `${unknown} is not a field of an event`);
  return read;
}

const KNOWN: ReadonlySet<string> = new Set([...MAPPED_FIELDS, 'payload', 'payload_json']);

function sizeFault({ bytes }: TapRecord, line: string): string | null {
  const max = LIMITS.event_bytes_max;
  if (bytes.length > max)
    return `the record has ${bytes.length} bytes, more than the ${max} of an event; its first ${KEPT_OF_LARGE_BYTES} are kept; its SHA-256 is ${sha256Hex(bytes)}`;
  const around = Buffer.byteLength(line) - bytes.length;
  return around > max ? `the map read more than ${max} bytes in the record` : null;
}

function faulty(map: string, { bytes, id, facts }: TapRecord, fault: string): MappedLine {
  const kept = bytes.length > LIMITS.event_bytes_max ? bytes.subarray(0, KEPT_OF_LARGE_BYTES) : bytes;
  const place = id === null ? facts : { ...facts, id };
  return {
    line: JSON.stringify({ map, ...bytesOf(kept), facts: place, fault } satisfies MappedRecord),
    read: null,
    fault,
  };
}

function bytesOf(bytes: Uint8Array): Pick<MappedRecord, 'record' | 'record_base64'> {
  try {
    return { record: utf8.decode(bytes) };
  } catch {
    return { record_base64: Buffer.from(bytes).toString('base64') };
  }
}
