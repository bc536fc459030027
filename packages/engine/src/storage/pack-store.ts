import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gunzipSync, gzip, gzipSync } from 'node:zlib';

import { type Envelope, KitError, LIMITS, packStoredMs } from '@pik/schema';
import type { PackFacts } from '../ingest/rules/pack-facts.ts';
import type { PackedRequest } from '../ports/rows.ts';
import type { ReceiptNames } from '../runtime/announcements.ts';
import type { Context } from '../runtime/context.ts';
import { type PackedRecords, packBytes } from './pack-bytes.ts';
import { decodePack, packedRequests, type StoredEnvelope } from './rules/pack-codec.ts';

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/**
 * Up to this size of a text, which is some 60 receipts, compressing it on another thread takes longer than doing it here: the result
 * waits for its turn.
 */
const COMPRESSED_HERE_BYTES_MAX = 48 * 1024;
/** The same for unpacking, by the compressed size. */
const UNPACKED_HERE_BYTES_MAX = 16 * 1024;

/**
 * Each chunk of a result waits for its turn of the event loop, which takes longer than the work. So a result should fit in one:
 * packs have a quarter of the size of their text, and a file of gzip ends with the size of what it holds.
 */
const CHUNK_BYTES_MIN = 16 * 1024;
const CHUNK_BYTES_MAX = 16 * 1024 * 1024;

/** The size limit of an unpacked pack. Bodies are escaped again inside envelopes, so a pack is larger than its request. */
const PACK_BYTES_MAX = LIMITS.body_decompressed_bytes_max * 8;

/** The facts that a pack records about its requests. */
export interface PackHead {
  readonly imported: boolean;
  /** Its number in the order of the log; null if it has none. */
  readonly sequence: number | null;
}

/** Writes the records of requests as one pack; durable when it resolves. The pack id holds the time of storage. */
export async function appendPack(
  context: Context,
  requests: readonly PackedRecords[],
  { packId, ...head }: PackHead & { packId: string },
): Promise<PackFacts> {
  const text = packBytes(requests, head.sequence);
  const bytes = await packedText(text);
  context.announcements.keep(packId, () => ({ text, names: requests.flatMap<ReceiptNames>(({ records }) => records) }));
  await context.backend.rawLog.append(packId, bytes);
  const packed = requests.map(({ requestId, principal, records }) => {
    return { request_id: requestId, principal, lines: records.length };
  });
  return packFacts(context, { packId, bytes, requests: packed, ...head });
}

/** Compresses the text of a pack. */
export async function packedText(text: Buffer): Promise<Uint8Array> {
  // Level 1: higher levels take four times as long and save only a tenth of the size.
  const options = { level: 1, chunkSize: Math.max(CHUNK_BYTES_MIN, text.length >> 1) };
  return text.length <= COMPRESSED_HERE_BYTES_MAX ? gzipSync(text, options) : await compress(text, options);
}

/** The facts of a stored pack from its bytes and what they decode to; the same as when it was appended. */
export function storedFacts(
  context: Context,
  pack: { packId: string; bytes: Uint8Array; envelopes: readonly Envelope[] },
): PackFacts {
  const { packId, bytes, envelopes } = pack;
  const { imported = false, sequence = null } = envelopes[0] ?? {};
  return packFacts(context, { packId, bytes, requests: packedRequests(envelopes), imported, sequence });
}

function packFacts(
  context: Context,
  pack: PackHead & { packId: string; bytes: Uint8Array; requests: readonly PackedRequest[] },
): PackFacts {
  return {
    pack_id: pack.packId,
    sha256: sha256Of(pack.bytes),
    bytes: pack.bytes.length,
    requests: pack.requests,
    imported: pack.imported,
    sequence: pack.sequence,
    expires_ms: packStoredMs(pack.packId) + context.indexRetentionMs,
  };
}

/** True for a pack whose rows have expired: the index may still have them or not, so only the log is reliable. */
export function isPast(context: Context, packId: string): boolean {
  return packStoredMs(packId) + context.indexRetentionMs <= context.backend.clock.now();
}

/** Reads the receipts of a pack. Throws `RAW_MISSING`, or `RAW_CORRUPT` if the object differs from what was written. */
export async function readPack(context: Context, packId: string): Promise<StoredEnvelope[]> {
  return decodeBytes(packId, await readBytes(context, packId));
}

/** Reads the stored bytes of a pack. Throws `RAW_MISSING`. */
export async function readBytes(context: Context, packId: string): Promise<Uint8Array> {
  const bytes = await context.backend.rawLog.read(packId);
  if (bytes === null) throw new KitError('RAW_MISSING', `the raw log has no pack ${packId}`);
  return bytes;
}

/** Decodes the receipts in the bytes of a pack. Throws `RAW_CORRUPT`. */
export async function decodeBytes(packId: string, bytes: Uint8Array): Promise<StoredEnvelope[]> {
  return decodeText(packId, await packText(packId, bytes));
}

/** Decodes the receipts in the text of a pack. Throws `RAW_CORRUPT`. */
export function decodeText(packId: string, text: string): StoredEnvelope[] {
  try {
    return decodePack(text);
  } catch (cause) {
    throw new KitError('RAW_CORRUPT', `the pack ${packId} cannot be read`, { cause });
  }
}

/** Decompresses the text of a pack: one envelope per line. Throws `RAW_CORRUPT`. */
export async function packText(packId: string, bytes: Uint8Array): Promise<string> {
  return (await unpacked(packId, bytes)).toString('utf8');
}

/** Decompresses a pack to the UTF-8 bytes of its text. Throws `RAW_CORRUPT`. */
export async function unpacked(packId: string, bytes: Uint8Array): Promise<Buffer> {
  const options = { maxOutputLength: PACK_BYTES_MAX, chunkSize: unpackedSize(bytes) };
  try {
    return bytes.length <= UNPACKED_HERE_BYTES_MAX ? gunzipSync(bytes, options) : await decompress(bytes, options);
  } catch (cause) {
    throw new KitError('RAW_CORRUPT', `the pack ${packId} cannot be read`, { cause });
  }
}

/** The size that a file of gzip says it has, within the bounds of a chunk: the file may be damaged. */
function unpackedSize(bytes: Uint8Array): number {
  const size = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4, true);
  return Math.min(Math.max(CHUNK_BYTES_MIN, size + 1), CHUNK_BYTES_MAX);
}

/** The SHA-256 of the stored bytes of a pack, as in its PACK row. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Throws `RECEIPT_ERASED` if the receipt of a line was erased. */
export function requireKept({ erased, line }: StoredEnvelope): void {
  if (erased !== undefined)
    throw new KitError('RECEIPT_ERASED', `the erasure ${erased.erased} has erased line ${line} of its pack`);
}

/** The bytes of a receipt exactly as they were received. */
export function envelopeBody(envelope: Envelope): Uint8Array {
  if (envelope.body !== undefined) return new TextEncoder().encode(envelope.body);
  return new Uint8Array(Buffer.from(envelope.body_base64 ?? '', 'base64'));
}
