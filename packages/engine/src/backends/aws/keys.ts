import { packStoredMs } from '@pik/schema';

import type { Key } from './table.ts';
import { dayText, keyText, timeText } from './values.ts';

const DAY_MS = 86_400_000;

/** Characters of an event id that are the same for all events of an entity: 60 bits of its hash. */
const ENTITY_CHARS = 12;

/** Partitions that the rows of one day are spread over, so that no day's writes meet the limit of one partition. */
export const SHARDS = 8;

/** One event. All events of an entity are one partition, and their ids hold their time: that is its timeline. */
export function eventKey(eventId: string): Key {
  return { pk: `E#${eventId.slice(0, ENTITY_CHARS)}`, sk: eventId.slice(ENTITY_CHARS) };
}

/** The event id (or position) that a key of the events' partition stands for. */
export function eventIdOf({ pk, sk }: Key): string {
  return pk.slice(2) + sk;
}

/** The further receipts of an event, oldest first. */
export function deliveryKey(row: { event_id: string; received_ms: number; pack_id: string; line: number }): Key {
  return { pk: deliveryPartition(row.event_id), sk: receiptText(row) };
}

/** The partition of an event's further receipts: not that of its entity, which a storm of repeats must not slow. */
export function deliveryPartition(eventId: string): string {
  return `D#${eventId}`;
}

/** A receipt by time, pack and line. */
export function receiptText(row: { received_ms: number; pack_id: string; line: number }): string {
  return `${timeText(row.received_ms)}#${row.pack_id}#${String(row.line).padStart(5, '0')}`;
}

/** Whose rows are spread over the partitions of a day. */
export type DayKind =
  /** Slices by event day. */
  | 'S'
  /** PACK rows by the day they were stored. */
  | 'P'
  /** Failures by the day they were received. */
  | 'F'
  /** Receipts whose entries in slices may be others now, by event day. */
  | 'K'
  /** Events whose first receipt changed, by the day of the change. */
  | 'W';

/** The partition of a kind, a day and a shard. */
export function dayPartition(kind: DayKind | 'N', { day, shard }: DayShard): string {
  return `${kind}#${dayText(day)}#${shard}`;
}

/** Where a row of a day lies. */
export interface DayShard {
  readonly day: number;
  readonly shard: number;
}

/** The day and shard of a pack's rows; the end of its id is random. */
export function shardOf(packId: string): number {
  return Number.parseInt(packId.slice(-2), 16) % SHARDS;
}

/** The day of a time, in UTC. */
export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

/** Where a PACK row lies: a pure function of its id. */
export function packPlace(packId: string): DayShard {
  return { day: dayOf(packStoredMs(packId)), shard: shardOf(packId) };
}

/** The sort key of a slice, and of the receipts packed into it: source, type and pack. */
export function sliceText(slice: { source: string; event_type: string; pack_id: string }): string {
  return `${keyText(slice.source)}#${keyText(slice.event_type)}#${slice.pack_id}`;
}
