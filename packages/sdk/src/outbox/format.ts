import { crc32 } from './crc32.ts';

// The format on disk, which README.md describes in a table. All numbers are little-endian. Every future version must be
// able to read the first 16 bytes of a segment and the first words of a cursor slot.

/** The format version that this code writes, and the only one so far. */
export const FORMAT_VERSION = 1;

/** Bytes before the first record: magic, version, checksum of both; first position, `follows`, checksum of all. */
export const SEGMENT_HEADER_BYTES = 32;

/** Bytes before the payload of a record: marker, checksum of what follows, length, position, time. */
export const RECORD_HEADER_BYTES = 24;

const MAGIC = Buffer.from('PIKOUTBX', 'latin1');

/**
 * The marker's first byte never occurs in UTF-8, so no text record can contain what looks like the header of the next.
 */
const MARKER = Buffer.from([0xf5, 0x50, 0x49, 0x4b]);
const MARKER_WORD = MARKER.readUInt32LE(0);

const AT = { crc: 4, length: 8, position: 12, stored: 18 } as const;

/** Header of a segment. */
export interface SegmentHeader {
  /** Lower bound of the positions in the segment. */
  readonly base: number;
  /** Every position below was durable or acknowledged when the segment was created. */
  readonly follows: number;
}

/** Encodes the header of a segment. */
export function encodeSegmentHeader({ base, follows }: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt32LE(FORMAT_VERSION, 8);
  bytes.writeUInt32LE(crc32(bytes, 0, 12), 12);
  bytes.writeUIntLE(base, 16, 6);
  bytes.writeUIntLE(follows, 22, 6);
  bytes.writeUInt32LE(crc32(bytes, 0, 28), 28);
  return bytes;
}

/** Decodes the header of a segment: only the version if it is another one, or null if it is damaged. */
export function decodeSegmentHeader(bytes: Buffer): { version: number } | SegmentHeader | null {
  if (bytes.length < 16 || !bytes.subarray(0, 8).equals(MAGIC) || bytes.readUInt32LE(12) !== crc32(bytes, 0, 12))
    return null;
  const version = bytes.readUInt32LE(8);
  if (version !== FORMAT_VERSION) return { version };
  if (bytes.length < SEGMENT_HEADER_BYTES || bytes.readUInt32LE(28) !== crc32(bytes, 0, 28)) return null;
  return { base: bytes.readUIntLE(16, 6), follows: bytes.readUIntLE(22, 6) };
}

/** Writes the header of a record whose `length` bytes are already in place after it. */
export function sealRecord(bytes: Buffer, at: number, record: { length: number; position: number; storedMs: number }) {
  bytes.writeUInt32LE(MARKER_WORD, at);
  bytes.writeUInt32LE(record.length, at + AT.length);
  bytes.writeUIntLE(record.position, at + AT.position, 6);
  bytes.writeUIntLE(record.storedMs, at + AT.stored, 6);
  bytes.writeUInt32LE(crc32(bytes, at + AT.length, at + RECORD_HEADER_BYTES + record.length), at + AT.crc);
}

/** A record in a buffer: its bytes are `[start, end)`. */
export interface FoundRecord {
  readonly position: number;
  readonly storedMs: number;
  readonly start: number;
  readonly end: number;
}

/** Reads the record whose header starts at `at`; null unless there is a complete, undamaged one. */
export function readRecordAt(bytes: Buffer, at: number): FoundRecord | null {
  const end = endOfRecordAt(bytes, at);
  if (end === null || bytes.readUInt32LE(at + AT.crc) !== crc32(bytes, at + AT.length, end)) return null;
  const start = at + RECORD_HEADER_BYTES;
  return { position: bytes.readUIntLE(at + AT.position, 6), storedMs: bytes.readUIntLE(at + AT.stored, 6), start, end };
}

/** End of the record whose header seems to start at `at`; null if there is no header, or the record is incomplete. */
export function endOfRecordAt(bytes: Buffer, at: number): number | null {
  const start = at + RECORD_HEADER_BYTES;
  if (at < 0 || start > bytes.length || bytes.readUInt32LE(at) !== MARKER_WORD) return null;
  const end = start + bytes.readUInt32LE(at + AT.length);
  return end > bytes.length ? null : end;
}

/** Index of the next marker from `at` on; -1 if there is none. */
export function findMarker(bytes: Buffer, at: number): number {
  return bytes.indexOf(MARKER, at);
}
