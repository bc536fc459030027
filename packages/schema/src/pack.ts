import { KitError } from './errors.ts';
import { formatEpochMs } from './time.ts';
import type { VolatileMembers } from './volatile.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Where a receipt lies: the pack that holds it, and its line there, from 0. */
export interface ReceiptAddress {
  readonly pack_id: string;
  readonly line: number;
}

/** True for the id of a pack: a UUIDv7 in lower case. */
export function isPackId(text: string): boolean {
  return UUID.test(text);
}

/** When a pack was stored, in milliseconds since the epoch: the time inside its UUIDv7. */
export function packStoredMs(packId: string): number {
  if (!isPackId(packId)) throw new KitError('REQUEST_INVALID', 'not the id of a pack', { path: '/pack_id' });
  return Number.parseInt(packId.slice(0, 8) + packId.slice(9, 13), 16);
}

/** Where all packs lie. */
export const PACK_PREFIX = 'raw/v1/';

/** The hour in which a pack was stored, in UTC: the names of its folders, for partition projection. */
export interface PackPartition {
  readonly stored_date: string;
  readonly stored_hour: string;
}

/** The folder of the packs of one hour. */
export function packFolder({ stored_date, stored_hour }: PackPartition): string {
  return `${PACK_PREFIX}stored_date=${stored_date}/stored_hour=${stored_hour}/`;
}

/**
 * The storage key of a pack, a pure function of its id, so that no table says where it lies. Hive-style folders by
 * stored hour. No caller text is part of it.
 */
export function packKey(packId: string): string {
  const stored = formatEpochMs(packStoredMs(packId));
  const folder = packFolder({ stored_date: stored.slice(0, 10), stored_hour: stored.slice(11, 13) });
  return `${folder}${packId}.ndjson.gz`;
}

/** One line of a pack: a receipt with what was known before its outcome, and its text exactly as received. */
export interface Envelope {
  readonly received_at: string;
  readonly request_id: string;
  readonly line: number;
  readonly principal: string | null;
  readonly imported: boolean;
  readonly event_id: string | null;
  readonly reject_code: string | null;
  readonly source: string | null;
  readonly event_type: string | null;
  readonly entity_id: string | null;
  readonly event_time: string | null;
  readonly payload_hash: string | null;
  /** The rejected receipt that was sent again as this one. Absent from all others. */
  readonly reingest_of?: ReceiptAddress;
  /** Which members of the payload its hash leaves out, by the declaration of the time. Absent where there was none. */
  readonly volatile?: VolatileMembers;
  /** Of an import: the line of the file that it stood in, where the client said it. Absent from all others. */
  readonly file_line?: number;
  /** The number of the pack in the order of the log, on its first line; absent where several processes store packs. */
  readonly sequence?: number;
  /** The received text, where it is UTF-8. */
  readonly body?: string;
  /** The received bytes, where they are not. */
  readonly body_base64?: string;
}

/** A field of an envelope as a column of a table over the raw log. */
export interface EnvelopeColumn {
  readonly type:
    | 'string'
    | 'int'
    | 'bigint'
    | 'boolean'
    | 'struct<pack_id:string,line:int>'
    | 'struct<version:int,paths:array<string>>';
  readonly comment: string;
}

/** The fields of an envelope in the order in which a line has them. Times are text of one width, so they sort. */
export const ENVELOPE_COLUMNS = {
  received_at: { type: 'string', comment: 'when the request arrived, UTC with nine digits; claimed where imported' },
  request_id: { type: 'string', comment: 'the request that brought it' },
  line: { type: 'int', comment: 'its place in the pack, from 0' },
  principal: { type: 'string', comment: 'the name of the API key, or the ARN of the caller' },
  imported: { type: 'boolean', comment: 'true for a backfill' },
  event_id: { type: 'string', comment: 'the identity of the event; null where it was rejected' },
  reject_code: { type: 'string', comment: 'why it was rejected; null where it was not' },
  source: { type: 'string', comment: 'null where it could not be read' },
  event_type: { type: 'string', comment: 'null where it could not be read' },
  entity_id: { type: 'string', comment: 'whose event it is' },
  event_time: { type: 'string', comment: 'when it happened, UTC with nine digits' },
  payload_hash: { type: 'string', comment: 'SHA-256 of the canonical payload, without its volatile members' },
  reingest_of: {
    type: 'struct<pack_id:string,line:int>',
    comment: 'the rejected receipt that was sent again as this one; null for all others',
  },
  volatile: {
    type: 'struct<version:int,paths:array<string>>',
    comment: 'the members of the payload that its hash leaves out; null where none were declared',
  },
  file_line: { type: 'int', comment: 'of an import: the line of its file; null where it is not known' },
  sequence: { type: 'bigint', comment: 'the number of the pack in the order of the log, on its first line' },
  body: { type: 'string', comment: 'the text exactly as received' },
  body_base64: { type: 'string', comment: 'the bytes exactly as received, where they are no UTF-8' },
} as const satisfies Record<keyof Envelope, EnvelopeColumn>;
