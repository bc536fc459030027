import { packStoredMs } from '@pik/schema';

import type { Key } from './table.ts';
import { dayText, keyText, timeText } from './values.ts';

const DAY_MS = 86_400_000;

/** The leading characters that all event ids of an entity share: 60 bits of its hash. */
const ENTITY_CHARS = 12;

/** The number of partitions for the rows of one day, so that no day's writes exceed the limit of one partition. */
export const SHARDS = 8;

/** The key of an event. All events of an entity share a partition and their ids hold their times: that is the timeline. */
export function eventKey(eventId: string): Key {
  return { pk: `E#${eventId.slice(0, ENTITY_CHARS)}`, sk: eventId.slice(ENTITY_CHARS) };
}

/** The event id (or position) of a key in an entity's partition. */
export function eventIdOf({ pk, sk }: Key): string {
  return pk.slice(2) + sk;
}

/** The key of a delivery; deliveries of an event are ordered oldest first. */
export function deliveryKey(row: { event_id: string; received_ms: number; pack_id: string; line: number }): Key {
  return { pk: deliveryPartition(row.event_id), sk: receiptText(row) };
}

/** The partition of an event's deliveries: separate from its entity's, which a storm of repeats must not slow down. */
export function deliveryPartition(eventId: string): string {
  return `D#${eventId}`;
}

/** A receipt by time, pack and line. */
export function receiptText(row: { received_ms: number; pack_id: string; line: number }): string {
  return `${timeText(row.received_ms)}#${row.pack_id}#${String(row.line).padStart(5, '0')}`;
}

/** The kinds of rows that are spread over the partitions of a day. */
export type DayKind =
  /** Slices by event day. */
  | 'S'
  /** PACK rows by the day they were stored. */
  | 'P'
  /** Failures by the day they were received. */
  | 'F'
  /** Receipts whose slice entries may be outdated, by event day. */
  | 'K'
  /** Events whose first receipt changed, by the day of the change. */
  | 'W';

/** The partition of a kind, a day and a shard. */
export function dayPartition(kind: DayKind | 'N', { day, shard }: DayShard): string {
  return `${kind}#${dayText(day)}#${shard}`;
}

/** The partition of a row within a kind. */
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

/** The partition of a PACK row: a pure function of its id. */
export function packPlace(packId: string): DayShard {
  return { day: dayOf(packStoredMs(packId)), shard: shardOf(packId) };
}

/** The sort key of a slice, and of the receipts packed into it: source, type and pack. */
export function sliceText(slice: { source: string; event_type: string; pack_id: string }): string {
  return `${keyText(slice.source)}#${keyText(slice.event_type)}#${slice.pack_id}`;
}
