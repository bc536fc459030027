import { canonicalizeLive } from './canonical-json.ts';

/** Above the nesting that ingest admits, and far below the limit of the stack. */
const DEPTH_MAX = 200;

/**
 * The JSON text of a program's value, read and refused exactly as `canonicalizeLive` does, but with the members in any
 * order: their canonical order costs as much as all the rest, and only a content identity needs it. The canonical form of
 * the parsed text is that of the value, and both texts are equally long.
 *
 * @throws KitError as `canonicalizeLive`; and anything that a getter or a `toJSON` of the value throws.
 */
export function stringifyLive(value: unknown): string {
  if (isPlain(value, 0)) {
    const text = JSON.stringify(value);
    // Lone surrogates, and texts that contain the same escapes literally.
    if (text !== undefined && !text.includes('\\ud')) return text;
  }
  return canonicalizeLive(value);
}

/** Whether `JSON.stringify` writes this value without leaving anything out or changing it, other than absent members. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      if (value === null) return true;
      if (depth === DEPTH_MAX) return false;
      return Array.isArray(value) ? isPlainArray(value, depth + 1) : isPlainObject(value, depth + 1);
    default:
      return false;
  }
}

function isPlainArray(items: readonly unknown[], depth: number): boolean {
  if (Object.getPrototypeOf(items) !== Array.prototype) return false;
  for (let i = 0; i < items.length; i++) if (!isPlain(items[i], depth)) return false;
  return true;
}

function isPlainObject(value: object, depth: number): boolean {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key];
    if (typeof member !== 'string' && !isPlain(member, depth)) return false;
  }
  return true;
}
