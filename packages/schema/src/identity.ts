import { decodeBase32Hex, encodeBase32Hex } from './base32hex.ts';
import { canonicalize } from './canonical-json.ts';
import { KitError } from './errors.ts';
import { sha256Hex, writeSha256 } from './sha256.ts';
import { EPOCH_MS_MAX, EPOCH_MS_MIN, formatInstant, type Instant, MS_PER_DAY } from './time.ts';

/**
 * How the identity of an event is derived: from the producer's key, from the producer's sequence number, or from the
 * content.
 */
export type IdentityRule = 'key' | 'occurrence' | 'content';

/** The fields that determine identity. */
export interface IdentityFields {
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly event_time: Instant;
  readonly payload_hash: string;
  readonly idempotency_key?: string | undefined;
  readonly producer?: { readonly id: string; readonly seq: number } | undefined;
  readonly identity?: 'occurrence' | undefined;
}

/** The identity of an event. */
export interface Identity {
  /** 47 characters, opaque to users: 8 bytes entity hash, 9 bytes time (zero if keyed), 12 bytes digest. */
  readonly event_id: string;
  readonly rule: IdentityRule;
  /** The same with the event's own time, so that positions sort by time; equals the id unless keyed. */
  readonly position: string;
}

const ENTITY_BYTES = 8;
const TIME_BYTES = 9;
const ID_BYTES = 29;
const ENTITY = { at: 0, length: ENTITY_BYTES };
const DIGEST = { at: ENTITY_BYTES + TIME_BYTES, length: ID_BYTES - ENTITY_BYTES - TIME_BYTES };
/** Reused: deriving an id takes a microsecond, and a new array for each would cost as much as a hash. */
const scratch = new Uint8Array(ID_BYTES);
/** Milliseconds from 0000-01-01 to 1970-01-01; adding them makes all times from the year 0001 on positive. */
const MS_BIAS = 719_528 * MS_PER_DAY;
const TWO_24 = 2 ** 24;
const NS_PER_MS = 1_000_000;

/**
 * Derives the identity of an event, a pure function of its fields. The producer calls it before sending, and the
 * backend again on receipt. The golden vectors in `vectors/` fix the format permanently.
 *
 * @example
 * import { deriveIdentity, parseTime, payloadHash } from '@pik/schema';
 *
 * const event_time = parseTime('2026-01-01T12:00:00Z');
 * if (event_time === null) throw new Error('not a time');
 * const { event_id } = deriveIdentity({
 *   source: 'checkout',
 *   event_type: 'order.placed',
 *   entity_id: 'user_123',
 *   event_time,
 *   payload_hash: payloadHash({ order_id: 'o-1' }),
 * });
 */
export function deriveIdentity(fields: IdentityFields): Identity {
  const rule = identityRule(fields);
  writeEntity(scratch, fields.entity_id);
  writeSha256(scratch, identityText(rule, fields), DIGEST);
  writeTime(scratch, fields.event_time);
  const position = encodeBase32Hex(scratch);
  if (rule !== 'key') return { event_id: position, rule, position };
  scratch.fill(0, ENTITY_BYTES, ENTITY_BYTES + TIME_BYTES);
  return { event_id: encodeBase32Hex(scratch), rule, position };
}

/** The rule that the fields select: a key first, then `occurrence` if set, otherwise content. */
export function identityRule(fields: Pick<IdentityFields, 'idempotency_key' | 'identity'>): IdentityRule {
  if (fields.idempotency_key !== undefined) return 'key';
  return fields.identity === 'occurrence' ? 'occurrence' : 'content';
}

/**
 * The digest's input for the entity used last. JSON.stringify gives the RFC 8785 form of an array of strings and one
 * safe integer.
 */
function identityText(rule: IdentityRule, fields: IdentityFields): string {
  const { event_time } = fields;
  const head = `${seriesText(rule, fields)},${cachedEntityText}`;
  if (rule === 'key') return `${head},${JSON.stringify(fields.idempotency_key ?? null)}]`;
  if (rule === 'content') return `${head},"${event_time.utc}","${fields.payload_hash}"]`;
  const { id = null, seq = null } = fields.producer ?? {};
  return `${head},${JSON.stringify(id)},${seq},"${event_time.utc}"]`;
}

/** Cached texts of series, by type, for its latest source: a type usually has one. */
const seriesTexts = new Map<string, { rule: IdentityRule; source: string; text: string }>();
const SERIES_MAX = 1_000;

function seriesText(rule: IdentityRule, { source, event_type }: IdentityFields): string {
  const known = seriesTexts.get(event_type);
  if (known !== undefined && known.source === source && known.rule === rule) return known.text;
  const text = JSON.stringify(['pik1', rule, source, event_type]).slice(0, -1);
  if (seriesTexts.size === SERIES_MAX) seriesTexts.clear();
  seriesTexts.set(event_type, { rule, source, text });
  return text;
}

const entityBytes = new Uint8Array(ENTITY_BYTES);
let cachedEntity: string | null = null;
let cachedEntityText = '';

/** The first 8 bytes of SHA-256 of an entity id: the start of all its event ids. */
function writeEntity(bytes: Uint8Array, entityId: string): void {
  if (entityId !== cachedEntity) {
    writeSha256(entityBytes, entityId, ENTITY);
    cachedEntity = entityId;
    cachedEntityText = JSON.stringify(entityId);
  }
  for (let i = 0; i < ENTITY_BYTES; i++) bytes[i] = entityBytes[i] ?? 0;
}

/** The first 8 bytes of SHA-256 of an entity id, as a new array. */
export function entityPrefix(entityId: string): Uint8Array {
  const prefix = new Uint8Array(ENTITY_BYTES);
  writeEntity(prefix, entityId);
  return prefix;
}

/** The first 8 bytes of SHA-256 of an entity id as 16 hexadecimal digits, as stored in event ids. */
export function entityHash(entityId: string): string {
  let hash = '';
  for (const byte of entityPrefix(entityId)) hash += byte.toString(16).padStart(2, '0');
  return hash;
}

/**
 * Nanoseconds since 0000-01-01T00:00:00Z in nine bytes, big-endian; never zero for a real time. Computed with two
 * numbers of at most 46 bits, since BigInt would cost more than the hashes.
 */
function writeTime(bytes: Uint8Array, time: { epoch_ms: number; sub_ms_ns: number }): void {
  const ms = time.epoch_ms + MS_BIAS;
  const highMs = Math.floor(ms / TWO_24);
  const low = (ms - highMs * TWO_24) * NS_PER_MS + time.sub_ms_ns;
  const carry = Math.floor(low / TWO_24);
  const high = highMs * NS_PER_MS + carry;
  const top = Math.floor(high / TWO_24);
  writeUint24(bytes, ENTITY_BYTES, top);
  writeUint24(bytes, ENTITY_BYTES + 3, high - top * TWO_24);
  writeUint24(bytes, ENTITY_BYTES + 6, low - carry * TWO_24);
}

/**
 * Writes a time into the 29 bytes of a position: for an unkeyed event they are then its id. The bytes of entity and digest stay
 * as they are.
 */
export function writePositionTime(position: Uint8Array, time: { epoch_ms: number; sub_ms_ns: number }): void {
  writeTime(position, time);
}

function writeUint24(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 16;
  bytes[at + 1] = (value >>> 8) & 255;
  bytes[at + 2] = value & 255;
}

/** The facts that an event id contains. */
export interface ParsedEventId {
  /** 16 hexadecimal digits: the first 8 bytes of SHA-256 of the entity id. */
  readonly entity_hash: string;
  readonly keyed: boolean;
  /** Fixed-width UTC; null when keyed. */
  readonly event_time: string | null;
}

/** Parses an event id or a position; null if the text is neither. */
export function parseEventId(eventId: string): ParsedEventId | null {
  const bytes = eventId.length === 47 ? decodeBase32Hex(eventId) : null;
  if (bytes === null) return null;
  let entity_hash = '';
  for (const byte of bytes.subarray(0, ENTITY_BYTES)) entity_hash += byte.toString(16).padStart(2, '0');
  let nanos = 0n;
  for (const byte of bytes.subarray(ENTITY_BYTES, ENTITY_BYTES + TIME_BYTES)) nanos = (nanos << 8n) | BigInt(byte);
  if (nanos === 0n) return { entity_hash, keyed: true, event_time: null };
  const ms = Number(nanos / BigInt(NS_PER_MS)) - MS_BIAS;
  if (ms < EPOCH_MS_MIN || ms > EPOCH_MS_MAX) return null;
  return { entity_hash, keyed: false, event_time: formatInstant(ms, Number(nanos % BigInt(NS_PER_MS))) };
}

/**
 * The smallest position of an entity at a time: its half-open time range is the positions in `[bound(from),
 * bound(to))`.
 */
export function timelineBound(entityId: string, time: { epoch_ms: number; sub_ms_ns: number }): string {
  const bytes = new Uint8Array(ID_BYTES);
  writeEntity(bytes, entityId);
  writeTime(bytes, time);
  return encodeBase32Hex(bytes);
}

/** The timeline position of an event: its id with this time. For an unkeyed event's own time that equals the id. */
export function positionAt(eventId: string, time: { epoch_ms: number; sub_ms_ns: number }): string {
  const bytes = decodeBase32Hex(eventId);
  if (bytes === null || bytes.length !== ID_BYTES)
    throw new KitError('REQUEST_INVALID', 'not an event id', { path: '/event_id' });
  writeTime(bytes, time);
  return encodeBase32Hex(bytes);
}

/**
 * SHA-256 of the RFC 8785 form of a payload, in hexadecimal. Errors as `canonicalize`.
 *
 * @example
 * import { payloadHash } from '@pik/schema';
 *
 * payloadHash({ b: 1, a: 2 }) === payloadHash({ a: 2, b: 1 }); // true
 */
export function payloadHash(payload: unknown): string {
  return sha256Hex(canonicalize(payload));
}

/** The hash of every deletion, whose payload is `null`. Written out, so that loading this file needs no cryptography. */
export const TOMBSTONE_HASH = '74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b';

/** SHA-256 of a received text, for payloads with integers that a double cannot represent. */
export function textHash(text: string): string {
  return sha256Hex(text);
}
