import { decodeBase32Hex, encodeBase32Hex, flagBit, type IdentityRule, KitError, positionAt } from '@pik/schema';

import type {
  DeliveryRow,
  EventOutcome,
  EventRow,
  FailureRow,
  PackRow,
  SequenceRow,
  SliceRow,
} from '../../ports/rows.ts';

/** A row as SQLite returns it. */
export type SqlRow = Record<string, unknown>;

/** Identity rules by their number in the table. Part of the data format: append, never reorder. */
const RULES: readonly IdentityRule[] = ['key', 'occurrence', 'content'];

/** The number of an identity rule. */
export function ruleNumber(rule: IdentityRule): number {
  return RULES.indexOf(rule);
}

/** The 29 bytes of an event id or position. */
export function idBytes(id: string): Uint8Array {
  const bytes = decodeBase32Hex(id);
  if (bytes === null) throw new KitError('INTERNAL', 'a malformed event id reached the index');
  return bytes;
}

/** The 16 bytes of a pack id. */
export function packBytes(packId: string): Uint8Array {
  return Buffer.from(packId.replaceAll('-', ''), 'hex');
}

/** The pack id of 16 bytes. */
export function packText(bytes: Uint8Array): string {
  const hex = hexText(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The bytes of a hexadecimal hash. */
export function hexBytes(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex');
}

function hexText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** The column value of an expiry; null for a row that never expires, so that comparisons work. */
export function expiryValue(expiresMs: number): number | null {
  return Number.isFinite(expiresMs) ? expiresMs : null;
}

function expiryOf(value: unknown): number {
  return value === null ? Number.POSITIVE_INFINITY : (value as number);
}

/** Outcomes by their number in `standing`. Part of the data format: append, never reorder. */
const OUTCOMES: readonly EventOutcome[] = ['ACCEPTED', 'DUPLICATE', 'CONFLICT'];
const LIVE_TOO = 4;

/** Encodes outcome and liveness of a first receipt; null if it was new and its rank shows whether it is live. */
export function standingValue({ answered, rank, live }: EventRow): number | null {
  const standing = OUTCOMES.indexOf(answered) | (rank !== null && live ? LIVE_TOO : 0);
  return standing === 0 ? null : standing;
}

/** The answered outcome of a first receipt, from the value of its column. */
export function answeredOf(standing: unknown): EventOutcome {
  return OUTCOMES[((standing as number | null) ?? 0) & 3] as EventOutcome;
}

/** The bytes of a rank. */
export function rankValue(rank: string | null): Uint8Array | null {
  return rank === null ? null : hexBytes(rank);
}

/** An import stored before ranks existed precedes all others that claim its time. */
function rankOf(value: unknown, flags: number): string | null {
  if (value !== null) return hexText(value as Uint8Array);
  return (flags & flagBit('IMPORTED')) === 0 ? null : '';
}

/** The values of `EVENT_COLUMNS`. Rows are lists: creating objects would cost more than the query. */
export type EventValues = readonly unknown[];

/** The EVENT row behind the values of `EVENT_COLUMNS`. */
export function toEventRow(values: EventValues): EventRow {
  const event_id = encodeBase32Hex(values[0] as Uint8Array);
  const rule = RULES[values[4] as number] as IdentityRule;
  const event_ms = values[8] as number;
  const event_sub_ns = values[9] as number;
  const flags = values[13] as number;
  const rank = rankOf(values[17], flags);
  const standing = (values[18] as number | null) ?? 0;
  return {
    event_id,
    position: rule === 'key' ? positionAt(event_id, { epoch_ms: event_ms, sub_ms_ns: event_sub_ns }) : event_id,
    rule,
    source: values[1] as string,
    event_type: values[2] as string,
    entity_id: values[3] as string,
    idempotency_key: values[5] as string | null,
    producer_id: values[6] as string | null,
    producer_seq: values[7] as number | null,
    event_ms,
    event_sub_ns,
    received_ms: values[10] as number,
    sent_ms: values[11] as number | null,
    payload_hash: hexText(values[12] as Uint8Array),
    flags,
    expires_ms: expiryOf(values[14]),
    pack_id: packText(values[15] as Uint8Array),
    line: values[16] as number,
    rank,
    live: rank === null || (standing & LIVE_TOO) !== 0,
    answered: answeredOf(standing),
  };
}

/** The DELIVERY row of a joined row of `delivery` and `producer`; readers reclassify it against the first receipt. */
export function toDeliveryRow(row: SqlRow): DeliveryRow {
  const flags = row.flags as number;
  return {
    event_id: encodeBase32Hex(row.event_id as Uint8Array),
    outcome: 'DUPLICATE',
    answered: row.outcome as EventOutcome,
    rank: rankOf(row.rank, flags),
    producer_id: row.producer_id as string | null,
    producer_seq: row.producer_seq as number | null,
    event_ms: row.event_ms as number,
    event_sub_ns: row.event_sub_ns as number,
    received_ms: row.received_ms as number,
    sent_ms: row.sent_ms as number | null,
    payload_hash: hexText(row.payload_hash as Uint8Array),
    flags,
    expires_ms: expiryOf(row.expires_ms),
    pack_id: packText(row.pack_id as Uint8Array),
    line: row.line as number,
  };
}

/** A failed window as the column value of `failure`; empty if there is none. */
export function windowColumn(window: FailureRow['window']): string {
  return window === null ? '' : JSON.stringify([window.metric, window.key, window.window_start_ms]);
}

function windowOf(column: string): FailureRow['window'] {
  if (column === '') return null;
  const [metric, key, window_start_ms] = JSON.parse(column) as [string, string, number];
  return { metric, key, window_start_ms };
}

/** The FAILURE row of a row of `failure`. */
export function toFailureRow(row: SqlRow): FailureRow {
  return {
    kind: row.kind as FailureRow['kind'],
    ...(row.receipts === null ? {} : { receipts: row.receipts as number }),
    stage: row.stage as string,
    code: row.code as string,
    path: row.path as string | null,
    detail: row.detail as string | null,
    source: row.source as string | null,
    event_type: row.event_type as string | null,
    event_id: row.event_id as string | null,
    entity_hash: row.entity_hash as string | null,
    window: windowOf(row.window as string),
    received_ms: row.received_ms as number,
    payload_hash: row.payload_hash === null ? null : hexText(row.payload_hash as Uint8Array),
    expires_ms: expiryOf(row.expires_ms),
    pack_id: packText(row.pack_id as Uint8Array),
    line: row.line as number,
  };
}

/** The SLICE row of a joined row of `slice` and `series`; without its column, `entries` is empty. */
export function toSliceRow(row: SqlRow): SliceRow {
  return {
    pack_id: packText(row.pack_id as Uint8Array),
    source: row.source as string,
    event_type: row.event_type as string,
    event_day: row.event_day as number,
    received_min_ms: row.received_min_ms as number,
    received_max_ms: row.received_max_ms as number,
    imported: row.imported === 1,
    accepted: row.accepted as number,
    duplicates: row.duplicates as number,
    conflicts: row.conflicts as number,
    lag: row.lag as Uint8Array,
    delay: row.delay as Uint8Array,
    entries: (row.entries as Uint8Array | undefined) ?? new Uint8Array(0),
    expires_ms: expiryOf(row.expires_ms),
  };
}

/** The SEQUENCE row of a joined row of `sequence` and `producer`. */
export function toSequenceRow(row: SqlRow): SequenceRow {
  return {
    producer_id: row.producer_id as string,
    pack_id: packText(row.pack_id as Uint8Array),
    ranges: JSON.parse(row.ranges as string) as [number, number][],
    received_ms: row.received_ms as number,
    expires_ms: expiryOf(row.expires_ms),
  };
}

/** The PACK row of a row of `pack`. */
export function toPackRow(row: SqlRow): PackRow {
  return {
    pack_id: packText(row.pack_id as Uint8Array),
    sha256: hexText(row.sha256 as Uint8Array),
    bytes: row.bytes as number,
    outcomes: row.outcomes as string,
    request_id: row.request_id as string,
    principal: row.principal as string | null,
    imported: row.imported === 1,
    received_min_ms: row.received_min_ms as number,
    received_max_ms: row.received_max_ms as number,
    expires_ms: expiryOf(row.expires_ms),
  };
}
