import { KitError } from './errors.ts';
import { formatEpochMs } from './time.ts';

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

/**
 * The storage key of a pack, a pure function of its id, so that no table says where it lies. Hive-style folders by
 * stored hour, for partition projection. No caller text is part of it.
 */
export function packKey(packId: string): string {
  const stored = formatEpochMs(packStoredMs(packId));
  return `raw/v1/stored_date=${stored.slice(0, 10)}/stored_hour=${stored.slice(11, 13)}/${packId}.ndjson.gz`;
}
