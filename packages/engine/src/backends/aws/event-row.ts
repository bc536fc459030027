import { type IdentityRule, positionAt } from '@pik/schema';

import type { EventOutcome, EventRow } from '../../ports/rows.ts';
import { packBytes, rankItem, readPackId, readRank } from './index-rows.ts';
import { eventIdOf, eventKey } from './keys.ts';
import { type Key, keyItem } from './table.ts';
import {
  expiry,
  hex,
  type Item,
  number,
  present,
  readExpiry,
  readHex,
  readNumber,
  readNumberOrNull,
  readText,
  readTextOrNull,
  text,
} from './values.ts';

const RULES: readonly IdentityRule[] = ['key', 'content', 'occurrence'];
/** Outcomes by their number in the attribute `o`. Part of the data format: append, never reorder. */
const OUTCOMES: readonly EventOutcome[] = ['ACCEPTED', 'DUPLICATE', 'CONFLICT'];
const LIVE_TOO = 4;

/** Encodes outcome and liveness of a first receipt; null if it was new and its rank shows whether it is live. */
export function standingOf({ answered, rank, live }: EventRow): number | null {
  const standing = OUTCOMES.indexOf(answered) | (rank !== null && live ? LIVE_TOO : 0);
  return standing === 0 ? null : standing;
}

/** The answered outcome of an EVENT row's receipt. */
export function answeredOf(item: Item): EventOutcome {
  return OUTCOMES[(readNumberOrNull(item, 'o') ?? 0) & 3] as EventOutcome;
}

/** The item of an EVENT row. Even with the longest ids it stays below 1 KB, that is one write unit (a test measures it). */
export function eventItem(row: EventRow): Item {
  return {
    ...keyItem(eventKey(row.event_id)),
    s: text(row.source),
    t: text(row.event_type),
    n: text(row.entity_id),
    r: number(RULES.indexOf(row.rule)),
    ...present({ k: row.idempotency_key, d: row.producer_id, q: row.producer_seq, m: row.sent_ms, o: standingOf(row) }),
    ...rankItem(row.rank),
    e: number(row.event_ms),
    u: number(row.event_sub_ns),
    c: number(row.received_ms),
    h: hex(row.payload_hash),
    f: number(row.flags),
    p: packBytes(row.pack_id),
    l: number(row.line),
    ...expiry(row.expires_ms),
  };
}

/** The EVENT row of an item. */
export function readEvent(item: Item): EventRow {
  const event_id = eventIdOf({ pk: readText(item, 'pk'), sk: readText(item, 'sk') });
  const rule = RULES[readNumber(item, 'r')] as IdentityRule;
  const event_ms = readNumber(item, 'e');
  const event_sub_ns = readNumber(item, 'u');
  const rank = readRank(item);
  return {
    event_id,
    position: rule === 'key' ? positionAt(event_id, { epoch_ms: event_ms, sub_ms_ns: event_sub_ns }) : event_id,
    rule,
    source: readText(item, 's'),
    event_type: readText(item, 't'),
    entity_id: readText(item, 'n'),
    idempotency_key: readTextOrNull(item, 'k'),
    producer_id: readTextOrNull(item, 'd'),
    producer_seq: readNumberOrNull(item, 'q'),
    event_ms,
    event_sub_ns,
    received_ms: readNumber(item, 'c'),
    sent_ms: readNumberOrNull(item, 'm'),
    payload_hash: readHex(item, 'h'),
    flags: readNumber(item, 'f'),
    pack_id: readPackId(item),
    line: readNumber(item, 'l'),
    expires_ms: readExpiry(item),
    rank,
    live: rank === null || ((readNumberOrNull(item, 'o') ?? 0) & LIVE_TOO) !== 0,
    answered: answeredOf(item),
  };
}

/** The TIME row of a keyed event: its position on its entity's timeline, and a pointer to the event. */
export function timeItem(row: EventRow): Item {
  const { expires_ms } = row;
  // Only the EVENT row decides when the event expires; the pointer is deleted some time later.
  return {
    ...keyItem(eventKey(row.position)),
    i: text(eventKey(row.event_id).sk),
    ...expiry(Number.POSITIVE_INFINITY, expires_ms),
  };
}

/** The key of the event that a TIME row points to; null for an EVENT row. */
export function readPointer(item: Item): Key | null {
  const sk = readTextOrNull(item, 'i');
  return sk === null ? null : { pk: readText(item, 'pk'), sk };
}
