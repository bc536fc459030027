import { KitError } from './errors.ts';
import type { OutcomeLetter } from './outcome.ts';
import { formatEpochMs } from './time.ts';
import type { VolatileMembers } from './volatile.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The address of a receipt: its pack, and its line there, from 0. */
export interface ReceiptAddress {
  readonly pack_id: string;
  readonly line: number;
}

/** True if the text is a pack id: a UUIDv7 in lower case. */
export function isPackId(text: string): boolean {
  return UUID.test(text);
}

/** When a pack was stored, in milliseconds since the epoch: the time inside its UUIDv7. */
export function packStoredMs(packId: string): number {
  if (!isPackId(packId)) throw new KitError('REQUEST_INVALID', 'not a pack id', { path: '/pack_id' });
  return Number.parseInt(packId.slice(0, 8) + packId.slice(9, 13), 16);
}

/** The key prefix of all packs. */
export const PACK_PREFIX = 'raw/v1/';

/** The hour in which a pack was stored, in UTC, as folder names for partition projection. */
export interface PackPartition {
  readonly stored_date: string;
  readonly stored_hour: string;
}

/** The folder of the packs of one hour. */
export function packFolder({ stored_date, stored_hour }: PackPartition): string {
  return `${PACK_PREFIX}stored_date=${stored_date}/stored_hour=${stored_hour}/`;
}

/**
 * The storage key of a pack, a pure function of its id, so that no table has to store it. Hive-style folders by stored
 * hour. It contains no caller text. A pack in which lines were erased has a revision above 0, which is another object.
 */
export function packKey(packId: string, revision = 0): string {
  const stored = formatEpochMs(packStoredMs(packId));
  const folder = packFolder({ stored_date: stored.slice(0, 10), stored_hour: stored.slice(11, 13) });
  return `${folder}${packFile(packId, revision)}`;
}

/** The file name of a revision of a pack. */
export function packFile(packId: string, revision = 0): string {
  return `${packId}${revision === 0 ? '' : `.r${revision}`}.ndjson.gz`;
}

/** The pack and the revision of a file name; null for the name of another file. */
export function parsePackFile(name: string): { readonly pack_id: string; readonly revision: number } | null {
  const [, pack_id = '', revision = '0'] = /^([0-9a-f-]{36})(?:\.r([1-9]\d{0,5}))?\.ndjson\.gz$/.exec(name) ?? [];
  return isPackId(pack_id) ? { pack_id, revision: Number(revision) } : null;
}

/** The mapping that read a record of another wire, with all that it needs to read the same bytes again. */
export interface AppliedMapping {
  readonly name: string;
  readonly version: number;
  /** The declaration that applied when the record arrived, as JSON; absent if it was the default of this version. */
  readonly settings?: string | undefined;
  /** Statements of the request about the record, outside its bytes, such as headers: a JSON object of texts; absent if none. */
  readonly around?: string | undefined;
}

/** One line of a pack: a receipt with the facts known before its outcome, and its text exactly as received. */
export interface Envelope {
  readonly received_at: string;
  readonly request_id: string;
  readonly line: number;
  /** Its place in its request, from 0; a pack holds requests one after another. Absent in older packs, of one request each. */
  readonly request_line?: number | undefined;
  readonly principal: string | null;
  readonly imported: boolean;
  readonly event_id: string | null;
  readonly reject_code: string | null;
  readonly source: string | null;
  readonly event_type: string | null;
  readonly entity_id: string | null;
  readonly event_time: string | null;
  readonly payload_hash: string | null;
  /** The rejected receipt that was sent again as this one; absent otherwise. */
  readonly reingest_of?: ReceiptAddress | undefined;
  /** The payload members that its hash leaves out, by the declaration at the time; absent if there was none. */
  readonly volatile?: VolatileMembers | undefined;
  /** For an import: the line in its file, if the client stated it; absent otherwise. */
  readonly file_line?: number | undefined;
  /** The mapping that read the record; absent if it came in the kit's own form. */
  readonly mapping?: AppliedMapping | undefined;
  /** The sequence number of the pack in the log, on its first line; absent if several processes store packs. */
  readonly sequence?: number | undefined;
  /** The received text if it is UTF-8. */
  readonly body?: string | undefined;
  /** The received bytes if they are not UTF-8. */
  readonly body_base64?: string | undefined;
}

/** One line of a pack whose receipt was erased: what remains says neither whose it was nor what it said. */
export interface ErasedLine
  extends Pick<
    Envelope,
    'line' | 'request_id' | 'request_line' | 'principal' | 'imported' | 'source' | 'event_type' | 'sequence'
  > {
  /** The id of the erasure. */
  readonly erased: string;
  /**
   * The producer that numbered the record, and the number: without it, the number would look lost. Absent if the record had none.
   */
  readonly producer?: { readonly id: string; readonly seq: number } | undefined;
  /** The hash that the tree of its pack has of the erased line, in hexadecimal; absent if its hour was open then. */
  readonly leaf?: string | undefined;
  /** The letter of the outcome that was answered. */
  readonly outcome: OutcomeLetter;
  /** The hour in which it was received, in UTC, such as `2026-01-05T21`. */
  readonly received_hour: string;
}

/** An envelope field as a column of a table over the raw log. */
export interface EnvelopeColumn {
  readonly type:
    | 'string'
    | 'int'
    | 'bigint'
    | 'boolean'
    | 'struct<pack_id:string,line:int>'
    | 'struct<version:int,paths:array<string>>'
    | 'struct<name:string,version:int,settings:string,around:string>';
  readonly comment: string;
}

/** The envelope fields in the order of a line. Times are text of one width, so they sort. */
export const ENVELOPE_COLUMNS = {
  received_at: { type: 'string', comment: 'when the request arrived, UTC with nine digits; claimed if imported' },
  request_id: { type: 'string', comment: 'the request that brought it' },
  line: { type: 'int', comment: 'its line in the pack, from 0' },
  request_line: { type: 'int', comment: 'its place in its request, from 0; null in older packs: there it is line' },
  principal: { type: 'string', comment: 'the name of the API key, or the ARN of the caller' },
  imported: { type: 'boolean', comment: 'true for an import' },
  event_id: { type: 'string', comment: 'the identity of the event; null if it was rejected' },
  reject_code: { type: 'string', comment: 'why it was rejected; null if it was not' },
  source: { type: 'string', comment: 'null if it could not be read' },
  event_type: { type: 'string', comment: 'null if it could not be read' },
  entity_id: { type: 'string', comment: 'whose event it is' },
  event_time: { type: 'string', comment: 'when it happened, UTC with nine digits' },
  payload_hash: { type: 'string', comment: 'SHA-256 of the canonical payload, without its volatile members' },
  reingest_of: {
    type: 'struct<pack_id:string,line:int>',
    comment: 'the rejected receipt that was sent again as this one; null otherwise',
  },
  volatile: {
    type: 'struct<version:int,paths:array<string>>',
    comment: 'the payload members that its hash leaves out; null if none were declared',
  },
  file_line: { type: 'int', comment: 'for an import: the line in its file; null if unknown' },
  mapping: {
    type: 'struct<name:string,version:int,settings:string,around:string>',
    comment: 'the mapping that read a record of another wire; null if it came in the own form of the kit',
  },
  sequence: { type: 'bigint', comment: 'the sequence number of the pack in the log, on its first line' },
  body: { type: 'string', comment: 'the text exactly as received' },
  body_base64: { type: 'string', comment: 'the bytes exactly as received if they are not UTF-8' },
} as const satisfies Record<keyof Envelope, EnvelopeColumn>;
