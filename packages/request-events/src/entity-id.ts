import { EVENT_LIMITS } from '@pik/schema/events';

/** Characters of one byte each that the backend accepts: routes consist of them. */
const PLAIN = /^[\x21-\x7e]+$/;
const BYTES_MAX = EVENT_LIMITS.entity_id_bytes_max;

/** True if the backend accepts the text as an entity id. */
export function isEntityId(value: unknown): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > BYTES_MAX) return false;
  if (PLAIN.test(value)) return true;
  return value.isWellFormed() && !/\p{Cc}/u.test(value) && value.trim() !== '' && Buffer.byteLength(value) <= BYTES_MAX;
}

/** Most routes to remember. */
const ROUTES_MAX = 1_000;
const known = new Map<string, string>();

/** A route as an entity id, cut to the maximum length. */
export function entityIdOfRoute(route: string): string {
  let id = known.get(route);
  if (id !== undefined) return id;
  id = derived(route);
  if (known.size === ROUTES_MAX) known.clear();
  known.set(route, id);
  return id;
}

function derived(route: string): string {
  const isOne: boolean = isEntityId(route);
  if (isOne) return route;
  const plain = route.replace(/[^\x21-\x7e]/g, '_').slice(0, BYTES_MAX);
  return plain === '' ? '_' : plain;
}
