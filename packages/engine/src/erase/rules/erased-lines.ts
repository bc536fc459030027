import { type ErasedLine, formatEpochMs, type OutcomeLetter, packStoredMs } from '@pik/schema';

import type { ProducerStamp } from '../../ingest/rules/record-fields.ts';
import { decodeLine } from '../../storage/rules/pack-codec.ts';

/** The lines of a pack to be erased. */
export interface LinesToErase {
  readonly erasureId: string;
  readonly pack_id: string;
  /** The answered outcomes of the pack, a letter per line. */
  readonly outcomes: string;
  readonly lines: ReadonlySet<number>;
  /** The hash of a line in the tree of its pack, in hexadecimal; null if no tree covers the pack yet. */
  readonly leafOf: ((line: number) => string) | null;
  /** The producer of a line's record; null if it names none. */
  readonly producerOf: (line: number) => ProducerStamp | null;
}

const NEWLINE = Buffer.from('\n');

/**
 * The text of a pack without some of its receipts. Every other line has the same bytes in the same place. A line that was erased before
 * stays as it is.
 */
export function erasedText(lines: readonly Uint8Array[], erasing: LinesToErase): Buffer {
  const parts: Uint8Array[] = [];
  for (const [line, bytes] of lines.entries()) {
    parts.push(erasing.lines.has(line) ? erasedBytes(bytes, line, erasing) : bytes, NEWLINE);
  }
  return Buffer.concat(parts);
}

function erasedBytes(bytes: Uint8Array, line: number, erasing: LinesToErase): Uint8Array {
  const envelope = decodeLine(Buffer.from(bytes).toString('utf8'));
  if (envelope.erased !== undefined) return bytes;
  const { request_id, request_line, principal, imported, source, event_type, sequence } = envelope;
  const producer = erasing.producerOf(line);
  const erased: ErasedLine = {
    line,
    erased: erasing.erasureId,
    ...(erasing.leafOf === null ? {} : { leaf: erasing.leafOf(line) }),
    outcome: erasing.outcomes[line] as OutcomeLetter,
    source,
    event_type,
    // The time that an import claims says something about the event; the hour of storage is known from the pack anyway.
    received_hour: hourOf(imported ? formatEpochMs(packStoredMs(erasing.pack_id)) : envelope.received_at),
    request_id,
    ...(request_line === undefined ? {} : { request_line }),
    principal,
    imported,
    ...(producer === null ? {} : { producer }),
    ...(sequence === undefined ? {} : { sequence }),
  };
  return Buffer.from(JSON.stringify(erased));
}

function hourOf(time: string): string {
  return time.slice(0, 'YYYY-MM-DDTHH'.length);
}

/**
 * Why a rewritten pack must not replace the old one; null if it has as many lines, each with the same bytes as before or erased.
 */
export function rewriteFault(
  before: readonly Uint8Array[],
  after: readonly Uint8Array[],
  lines: ReadonlySet<number>,
): string | null {
  if (before.length !== after.length) return `it has ${after.length} lines instead of ${before.length}`;
  for (const [line, bytes] of before.entries()) {
    const now = after[line] ?? new Uint8Array(0);
    if (lines.has(line)) {
      if (decodeLine(Buffer.from(now).toString('utf8')).erased?.line !== line) return `line ${line} is not erased`;
    } else if (Buffer.compare(bytes, now) !== 0) return `line ${line} has changed`;
  }
  return null;
}

/** Salts without those of erased lines. */
export function saltsWithout(salts: readonly (Uint8Array | null)[], lines: ReadonlySet<number>): (string | null)[] {
  return salts.map((salt, line) => (salt === null || lines.has(line) ? null : Buffer.from(salt).toString('hex')));
}

/** Whether a line of a pack is a receipt of one of these entities. */
export function namesEntity(line: Uint8Array, entities: readonly EntityNeedle[]): boolean {
  const bytes = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
  if (!entities.some(({ needle }) => bytes.includes(needle))) return false;
  const { entity_id } = decodeLine(bytes.toString('utf8'));
  return entities.some(({ entityId }) => entityId === entity_id);
}

/** An entity and the bytes that each envelope of it has. */
export interface EntityNeedle {
  readonly entityId: string;
  readonly needle: Buffer;
}

/** The bytes by which lines of entities are found. */
export function entityNeedles(entityIds: readonly string[]): EntityNeedle[] {
  return entityIds.map((entityId) => ({ entityId, needle: Buffer.from(`"entity_id":${JSON.stringify(entityId)}`) }));
}
