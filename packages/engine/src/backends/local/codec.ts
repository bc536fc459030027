import { decodeBase32Hex, encodeBase32Hex, flagBit, KitError, positionAt } from '@pik/schema';

import { readRequests, type StoredRequests } from '../../ports/packed-requests.ts';
import type {
  DeliveryRow,
  EventOutcome,
  EventRow,
  FailureRow,
  PackRow,
  SequenceRange,
  SequenceRow,
  SliceRow,
} from '../../ports/rows.ts';
import { answeredOf, isLiveToo, ruleOf } from './rules/stored-facts.ts';

/** The 29 bytes of an event id or position. */
export function idBytes(id: string): Uint8Array {
  const bytes = decodeBase32Hex(id);
  if (bytes === null) throw new KitError('INTERNAL', 'a malformed event id reached the index');
  return bytes;
}

/** The pack whose bytes were asked for last: all rows of an admission have the same one. */
let lastPack = { id: '', bytes: new Uint8Array(0) };

/** The 16 bytes of a pack id, not to be changed. */
export function packBytes(packId: string): Uint8Array {
  if (packId !== lastPack.id) lastPack = { id: packId, bytes: Buffer.from(packId.replaceAll('-', ''), 'hex') };
  return lastPack.bytes;
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

function expiryOf(value: number | null): number {
  return value ?? Number.POSITIVE_INFINITY;
}

/** The bytes of a rank. */
export function rankValue(rank: string | null): Uint8Array | null {
  return rank === null ? null : hexBytes(rank);
}

/** An import stored before ranks existed precedes all others that claim its time. */
function rankOf(value: Uint8Array | null, flags: number): string | null {
  if (value !== null) return hexText(value);
  return (flags & flagBit('IMPORTED')) === 0 ? null : '';
}

/** The values of `EVENT_COLUMNS` and any `More`. Rows are lists: creating objects would cost more than the query. */
export type EventValues<More extends readonly unknown[] = readonly unknown[]> = readonly [
  event_id: Uint8Array,
  source: string,
  event_type: string,
  entity_id: string,
  rule: number,
  idempotency_key: string | null,
  producer_id: string | null,
  producer_seq: number | null,
  event_ms: number,
  event_sub_ns: number,
  received_ms: number,
  sent_ms: number | null,
  payload_hash: Uint8Array,
  flags: number,
  expires_ms: number | null,
  pack_id: Uint8Array,
  line: number,
  rank: Uint8Array | null,
  standing: number | null,
  ...more: More,
];

/** A row of the port in which some columns hold other values. */
type Columns<Row, Stored> = Omit<Row, keyof Stored> & Stored;
/** The columns that most tables store in the same form. */
type Common = { readonly pack_id: Uint8Array; readonly expires_ms: number | null };
/** A joined row of `delivery` and `producer`. */
export type DeliveryColumns = Columns<
  DeliveryRow,
  Common & {
    readonly event_id: Uint8Array;
    readonly outcome: EventOutcome;
    readonly rank: Uint8Array | null;
    readonly payload_hash: Uint8Array;
  }
>;
/** A row of `failure`. */
export type FailureColumns = Columns<
  FailureRow,
  Common & { readonly receipts: number | null; readonly window: string; readonly payload_hash: Uint8Array | null }
>;
/** A joined row of `slice` and `series`, with the columns of its receipts or without. */
export type SliceColumns = Columns<Omit<SliceRow, 'entries'>, Common & { readonly imported: number }> &
  Partial<StoredReceipts>;

/** The receipts of a slice: packed events from a number on, and those of all others, encoded. */
interface StoredReceipts {
  readonly first_no: number | null;
  readonly packed: number;
  readonly entries: Uint8Array;
}
/** A joined row of `sequence` and `producer`. */
export type SequenceColumns = Columns<SequenceRow, Common & { readonly ranges: string }>;
/** A row of `pack`. */
export type PackColumns = Columns<
  Omit<PackRow, 'requests'>,
  Common & StoredRequests & { readonly imported: number; readonly sha256: Uint8Array }
>;

/** The EVENT row behind the values of `EVENT_COLUMNS`. */
export function toEventRow(values: EventValues): EventRow {
  const event_id = encodeBase32Hex(values[0]);
  const rule = ruleOf(values[4]);
  const event_ms = values[8];
  const event_sub_ns = values[9];
  const flags = values[13];
  const rank = rankOf(values[17], flags);
  const standing = values[18];
  return {
    event_id,
    position: rule === 'key' ? positionAt(event_id, { epoch_ms: event_ms, sub_ms_ns: event_sub_ns }) : event_id,
    rule,
    source: values[1],
    event_type: values[2],
    entity_id: values[3],
    idempotency_key: values[5],
    producer_id: values[6],
    producer_seq: values[7],
    event_ms,
    event_sub_ns,
    received_ms: values[10],
    sent_ms: values[11],
    payload_hash: hexText(values[12]),
    flags,
    expires_ms: expiryOf(values[14]),
    pack_id: packText(values[15]),
    line: values[16],
    rank,
    live: rank === null || isLiveToo(standing),
    answered: answeredOf(standing),
  };
}

/** The DELIVERY row of a joined row of `delivery` and `producer`; readers reclassify it against the first receipt. */
export function toDeliveryRow(row: DeliveryColumns): DeliveryRow {
  const flags = row.flags;
  return {
    event_id: encodeBase32Hex(row.event_id),
    outcome: 'DUPLICATE',
    answered: row.outcome,
    rank: rankOf(row.rank, flags),
    producer_id: row.producer_id,
    producer_seq: row.producer_seq,
    event_ms: row.event_ms,
    event_sub_ns: row.event_sub_ns,
    received_ms: row.received_ms,
    sent_ms: row.sent_ms,
    payload_hash: hexText(row.payload_hash),
    flags,
    expires_ms: expiryOf(row.expires_ms),
    pack_id: packText(row.pack_id),
    line: row.line,
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
export function toFailureRow(row: FailureColumns): FailureRow {
  return {
    kind: row.kind,
    ...(row.receipts === null ? {} : { receipts: row.receipts }),
    stage: row.stage,
    code: row.code,
    path: row.path,
    detail: row.detail,
    source: row.source,
    event_type: row.event_type,
    event_id: row.event_id,
    entity_hash: row.entity_hash,
    window: windowOf(row.window),
    received_ms: row.received_ms,
    payload_hash: row.payload_hash === null ? null : hexText(row.payload_hash),
    expires_ms: expiryOf(row.expires_ms),
    pack_id: packText(row.pack_id),
    line: row.line,
  };
}

/** The SLICE row of a joined row of `slice` and `series`. */
export function toSliceRow(row: SliceColumns, entries: Uint8Array): SliceRow {
  return {
    pack_id: packText(row.pack_id),
    source: row.source,
    event_type: row.event_type,
    event_day: row.event_day,
    received_min_ms: row.received_min_ms,
    received_max_ms: row.received_max_ms,
    imported: row.imported === 1,
    accepted: row.accepted,
    duplicates: row.duplicates,
    conflicts: row.conflicts,
    lag: row.lag,
    delay: row.delay,
    entries,
    expires_ms: expiryOf(row.expires_ms),
  };
}

/** The SEQUENCE row of a joined row of `sequence` and `producer`. */
export function toSequenceRow(row: SequenceColumns): SequenceRow {
  return {
    producer_id: row.producer_id,
    pack_id: packText(row.pack_id),
    ranges: JSON.parse(row.ranges) as SequenceRange[],
    received_ms: row.received_ms,
    expires_ms: expiryOf(row.expires_ms),
  };
}

/** The PACK row of a row of `pack`. */
export function toPackRow(row: PackColumns): PackRow {
  return {
    pack_id: packText(row.pack_id),
    sha256: hexText(row.sha256),
    bytes: row.bytes,
    outcomes: row.outcomes,
    requests: readRequests(row, row.outcomes.length),
    imported: row.imported === 1,
    received_min_ms: row.received_min_ms,
    received_max_ms: row.received_max_ms,
    expires_ms: expiryOf(row.expires_ms),
  };
}
