import { LIMITS } from '@pik/schema/events';

/** One byte each, and no character that the backend refuses: what routes are made of. */
const PLAIN = /^[\x21-\x7e]+$/;
const BYTES_MAX = LIMITS.entity_id_bytes_max;

/** Whether the backend takes this as an entity's id. */
export function isEntityId(value: unknown): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > BYTES_MAX) return false;
  if (PLAIN.test(value)) return true;
  return value.isWellFormed() && !/\p{Cc}/u.test(value) && value.trim() !== '' && Buffer.byteLength(value) <= BYTES_MAX;
}

/** A route as an entity's id: cut where it is longer than one may be. */
export function entityIdOfRoute(route: string): string {
  const isOne: boolean = isEntityId(route);
  if (isOne) return route;
  const plain = route.replace(/[^\x21-\x7e]/g, '_').slice(0, BYTES_MAX);
  return plain === '' ? '_' : plain;
}
