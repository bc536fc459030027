import { hash } from 'node:crypto';

import { flagBit } from '@pik/schema';

import type { WindowTarget } from '../../ports/history-rows.ts';
import { readRequests, storedRequests } from '../../ports/packed-requests.ts';
import type {
  DeliveryRow,
  EventOutcome,
  FailureRow,
  PackRow,
  RecheckRow,
  SequenceRange,
  SequenceRow,
  SliceRow,
} from '../../ports/rows.ts';
import { dayOf, dayPartition, deliveryKey, packPlace, receiptText, shardOf, sliceText } from './keys.ts';
import { keyItem } from './table.ts';
import {
  binary,
  expiry,
  hex,
  type Item,
  keyText,
  number,
  present,
  readBytes,
  readExpiry,
  readHex,
  readNumber,
  readNumberOrNull,
  readText,
  readTextOrNull,
  readTimeText,
  text,
} from './values.ts';

/** The 16 bytes of a pack id, for the attribute `p`. */
export function packBytes(packId: string) {
  return hex(packId.replaceAll('-', ''));
}

/** The pack id of the attribute `p`. */
export function readPackId(item: Item): string {
  return readHex(item, 'p').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The rank of an import, in the attribute `g`; absent for a live receipt. */
export function rankItem(rank: string | null): Item {
  return rank === null || rank === '' ? {} : { g: hex(rank) };
}

/** The rank of a row with flags. An import stored before ranks existed precedes all others that claim its time. */
export function readRank(item: Item): string | null {
  if (item.g !== undefined) return readHex(item, 'g');
  return (readNumber(item, 'f') & flagBit('IMPORTED')) === 0 ? null : '';
}

/** A DELIVERY row; invalid once its event has expired, since the id may then belong to a new event. */
export function deliveryItem(row: DeliveryRow, firstExpiresMs: number): Item {
  const { event_ms, event_sub_ns, sent_ms, expires_ms } = row;
  const endsMs = Math.min(expires_ms, firstExpiresMs);
  return {
    ...keyItem(deliveryKey(row)),
    o: text(row.answered),
    h: hex(row.payload_hash),
    f: number(row.flags),
    ...rankItem(row.rank),
    ...present({ e: event_ms, u: event_sub_ns, m: sent_ms, y: endsMs === expires_ms ? null : endsMs }),
    ...present({ d: row.producer_id, q: row.producer_seq }),
    ...expiry(expires_ms, endsMs),
  };
}

/** The DELIVERY row of an item; null once it is invalid. */
export function readDelivery(item: Item, nowMs: number): DeliveryRow | null {
  const endsMs = readNumberOrNull(item, 'y') ?? readExpiry(item);
  if (endsMs <= nowMs) return null;
  return {
    ...readReceipt(item),
    event_id: readText(item, 'pk').slice(2),
    // A placeholder: readers reclassify it against the first receipt.
    outcome: 'DUPLICATE',
    answered: readText(item, 'o') as EventOutcome,
    rank: readRank(item),
    producer_id: readTextOrNull(item, 'd'),
    producer_seq: readNumberOrNull(item, 'q'),
    event_ms: readNumber(item, 'e'),
    event_sub_ns: readNumber(item, 'u'),
    sent_ms: readNumberOrNull(item, 'm'),
    payload_hash: readHex(item, 'h'),
    flags: readNumber(item, 'f'),
    expires_ms: readExpiry(item),
  };
}

/** Parses a sort key that `receiptText` created. */
export function readReceipt(item: Item): { received_ms: number; pack_id: string; line: number } {
  const [time = '', pack_id = '', line = ''] = readText(item, 'sk').split('#');
  return { received_ms: readTimeText(time), pack_id, line: Number(line) };
}

/** A FAILURE row in the partition of its day of receipt. */
export function failureItem(row: FailureRow): Item {
  const place = { day: dayOf(row.received_ms), shard: shardOf(row.pack_id) };
  return { ...keyItem({ pk: dayPartition('F', place), sk: failureText(row) }), ...failureFields(row) };
}

/** The same in the partition of its entity; null if it names none. */
export function entityFailureItem(row: FailureRow): Item | null {
  if (row.entity_hash === null) return null;
  return { ...keyItem({ pk: entityFailures(row.entity_hash), sk: failureText(row) }), ...failureFields(row) };
}

/** The partition of the rejected receipts of an entity. */
export function entityFailures(entityHash: string): string {
  return `R#${entityHash}`;
}

/** The sort key of a failure: receipt and kind, and the window if several windows fail at one event. */
function failureText(row: FailureRow): string {
  const window = row.window === null ? '' : `#${hash('sha256', windowText(row.window)).slice(0, 16)}`;
  return `${receiptText(row)}#${row.kind}${window}`;
}

function windowText({ metric, key, window_start_ms }: WindowTarget): string {
  return JSON.stringify([metric, key, window_start_ms]);
}

function failureFields(row: FailureRow): Item {
  const { stage, code, path, detail, source, event_type, event_id, entity_hash, window } = row;
  const w = window === null ? null : windowText(window);
  return {
    ...present({ g: stage, c: code, a: path, d: detail, s: source, t: event_type, i: event_id, e: entity_hash, w }),
    ...(row.receipts === undefined ? {} : { n: number(row.receipts) }),
    ...(row.payload_hash === null ? {} : { h: hex(row.payload_hash) }),
    ...expiry(row.expires_ms),
  };
}

function readWindow(item: Item): FailureRow['window'] {
  const stored = readTextOrNull(item, 'w');
  if (stored === null) return null;
  const [metric, key, window_start_ms] = JSON.parse(stored) as [string, string, number];
  return { metric, key, window_start_ms };
}

/** The FAILURE row of an item. */
export function readFailure(item: Item): FailureRow {
  return {
    ...readReceipt(item),
    kind: readText(item, 'sk').split('#')[3] as FailureRow['kind'],
    ...(item.n === undefined ? {} : { receipts: Number(item.n.N) }),
    stage: readText(item, 'g'),
    code: readText(item, 'c'),
    path: readTextOrNull(item, 'a'),
    detail: readTextOrNull(item, 'd'),
    source: readTextOrNull(item, 's'),
    event_type: readTextOrNull(item, 't'),
    event_id: readTextOrNull(item, 'i'),
    entity_hash: readTextOrNull(item, 'e'),
    window: readWindow(item),
    expires_ms: readExpiry(item),
    payload_hash: item.h === undefined ? null : readHex(item, 'h'),
  };
}

/** A RECHECK row for the slices of its day; ignored once the event has expired. */
export function recheckItem(row: RecheckRow): Item {
  const place = { day: row.event_day, shard: shardOf(row.pack_id) };
  return {
    ...keyItem({ pk: dayPartition('K', place), sk: `${sliceText(row)}#${String(row.line).padStart(5, '0')}` }),
    i: text(row.event_id),
    ...expiry(Number.POSITIVE_INFINITY, row.expires_ms),
  };
}

/** The number of receipts in a slice: of two writes of a slice, the one with more receipts is the later one. */
export function receiptsOf(row: SliceRow): number {
  return row.accepted + row.duplicates + row.conflicts;
}

/** A SLICE row without its receipts, which have their own rows, so that reports need not read them. */
export function sliceItem(row: SliceRow, parts: number): Item {
  return {
    ...keyItem({ pk: dayPartition('S', { day: row.event_day, shard: shardOf(row.pack_id) }), sk: sliceText(row) }),
    s: text(row.source),
    t: text(row.event_type),
    n: number(receiptsOf(row)),
    a: number(row.accepted),
    d: number(row.duplicates),
    o: number(row.conflicts),
    b: number(row.received_min_ms),
    c: number(row.received_max_ms),
    i: number(row.imported ? 1 : 0),
    g: binary(row.lag),
    y: binary(row.delay),
    z: number(parts),
    ...expiry(row.expires_ms),
  };
}

/** The SLICE row of an item of a day. */
export function readSlice(item: Item, event_day: number, entries: Uint8Array): SliceRow {
  return {
    pack_id: readText(item, 'sk').split('#')[2] ?? '',
    source: readText(item, 's'),
    event_type: readText(item, 't'),
    event_day,
    received_min_ms: readNumber(item, 'b'),
    received_max_ms: readNumber(item, 'c'),
    imported: readNumber(item, 'i') === 1,
    accepted: readNumber(item, 'a'),
    duplicates: readNumber(item, 'd'),
    conflicts: readNumber(item, 'o'),
    lag: readBytes(item, 'g'),
    delay: readBytes(item, 'y'),
    entries,
    expires_ms: readExpiry(item),
  };
}

/** A SEQUENCE row. */
export function sequenceItem(row: SequenceRow): Item {
  return {
    ...keyItem({ pk: sequencePartition(row.producer_id), sk: row.pack_id }),
    v: text(JSON.stringify(row.ranges)),
    c: number(row.received_ms),
    ...expiry(row.expires_ms),
  };
}

/** The SEQUENCE row of an item. */
export function readSequence(item: Item, producer_id: string): SequenceRow {
  return {
    producer_id,
    pack_id: readText(item, 'sk'),
    ranges: JSON.parse(readText(item, 'v')) as SequenceRange[],
    received_ms: readNumber(item, 'c'),
    expires_ms: readExpiry(item),
  };
}

/** The partition of a producer's sequence rows. */
export function sequencePartition(producerId: string): string {
  return `Q#${keyText(producerId)}`;
}

/** A PACK row. */
export function packItem(row: PackRow): Item {
  const requests = storedRequests(row.requests);
  return {
    ...keyItem({ pk: dayPartition('P', packPlace(row.pack_id)), sk: row.pack_id }),
    h: hex(row.sha256),
    b: number(row.bytes),
    o: text(row.outcomes),
    q: text(requests.request_id),
    ...present({ u: requests.principal, r: requests.requests }),
    i: number(row.imported ? 1 : 0),
    c: number(row.received_min_ms),
    d: number(row.received_max_ms),
    ...expiry(row.expires_ms),
  };
}

/** The PACK row of an item. */
export function readPack(item: Item): PackRow {
  const outcomes = readText(item, 'o');
  const stored = {
    request_id: readText(item, 'q'),
    principal: readTextOrNull(item, 'u'),
    requests: readTextOrNull(item, 'r'),
  };
  return {
    pack_id: readText(item, 'sk'),
    sha256: readHex(item, 'h'),
    bytes: readNumber(item, 'b'),
    outcomes,
    requests: readRequests(stored, outcomes.length),
    imported: readNumber(item, 'i') === 1,
    received_min_ms: readNumber(item, 'c'),
    received_max_ms: readNumber(item, 'd'),
    expires_ms: readExpiry(item),
  };
}
