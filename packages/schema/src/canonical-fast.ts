/**
 * Thrown for values that the fast writer does not handle; the full writer then reports the fault or writes the value.
 */
class Unusual extends Error {}
const UNUSUAL = new Unusual();

/** The keys of an object shape seen before, in their own order and in canonical order. */
interface Shape {
  readonly keys: readonly string[];
  readonly sorted: readonly string[];
  /** The engine keeps members in insertion order, except keys that look like numbers and `__proto__`. */
  readonly keepsOrder: boolean;
  /** An object with the members of a copy in canonical order, so that a copy needs no growth; null if not worth it. */
  readonly template: Readonly<Record<string, unknown>> | null;
}

/** Shapes by their first key. Bounded, so that objects with ever new keys cost time and not memory. */
const shapes = new Map<string, Shape[]>();
let shapeCount = 0;
const SHAPES_MAX = 1_000;
const SHAPES_OF_KEY_MAX = 16;
const KEYS_MAX = 64;
const KEY_CHARS_MAX = 64;
/** Above the nesting that ingest admits, and far below the limit of the stack. */
const DEPTH_MAX = 200;

let members = 0;

/**
 * The canonical text and the number of object members, or null if the value needs the full writer. Copies the value
 * with sorted keys and lets the engine's JSON.stringify write it, which takes a third of the time and a fifth of the
 * garbage of writing it piece by piece.
 */
export function writeFast(value: unknown, live: boolean): { text: string; members: number } | null {
  members = 0;
  try {
    const text = JSON.stringify(arrange(value, live, 0));
    // Lone surrogates, and texts that contain the same escapes literally.
    if (text === undefined || text.includes('\\ud')) return null;
    return { text, members };
  } catch (error) {
    if (error === UNUSUAL) return null;
    throw error;
  }
}

function arrange(value: unknown, live: boolean, depth: number): unknown {
  switch (typeof value) {
    case 'number':
      if (!Number.isFinite(value)) throw UNUSUAL;
      return value;
    case 'object':
      if (value === null) return null;
      if (depth === DEPTH_MAX) throw UNUSUAL;
      return Array.isArray(value) ? arrangeArray(value, live, depth + 1) : arrangeObject(value, live, depth + 1);
    case 'string':
    case 'boolean':
      return value;
    case 'undefined':
      if (live) return value;
      throw UNUSUAL;
    default:
      throw UNUSUAL;
  }
}

/** Copies an array only if one of its elements needs a copy. */
function arrangeArray(items: readonly unknown[], live: boolean, depth: number): unknown {
  if (live && Object.getPrototypeOf(items) !== Array.prototype) throw UNUSUAL;
  let copy: unknown[] | null = null;
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    const arranged = arrange(item, live, depth);
    if (arranged === item) continue;
    copy ??= items.slice();
    copy[i] = arranged;
  }
  return copy ?? items;
}

function arrangeObject(value: object, live: boolean, depth: number): unknown {
  if (live) {
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) throw UNUSUAL;
  }
  const { sorted, keepsOrder, template } = shapeOf(value);
  if (!keepsOrder) throw UNUSUAL;
  const copy: Record<string, unknown> = { ...template };
  for (let i = 0; i < sorted.length; i++) {
    const key = sorted[i] as string;
    const member = (value as Record<string, unknown>)[key];
    copy[key] = typeof member === 'string' || typeof member === 'boolean' ? member : arrange(member, live, depth);
  }
  members += sorted.length;
  return copy;
}

/** Sorting dominates the cost, and events of one type have the same keys in the same order, so the order is cached. */
function shapeOf(value: object): Shape {
  const keys = Object.keys(value);
  const known = shapes.get(keys[0] ?? '');
  if (known !== undefined) {
    for (const shape of known) if (isSame(shape.keys, keys)) return shape;
  }
  return remember(keys, known);
}

function isSame(known: readonly string[], keys: readonly string[]): boolean {
  if (known.length !== keys.length) return false;
  for (let i = 0; i < keys.length; i++) if (known[i] !== keys[i]) return false;
  return true;
}

function remember(keys: readonly string[], known: Shape[] | undefined): Shape {
  const keepsOrder = !keys.some((key) => key === '__proto__' || /^\d+$/.test(key));
  const sorted = keys.toSorted();
  if (keys.length > KEYS_MAX || keys.some((key) => key.length > KEY_CHARS_MAX))
    return { keys, sorted, keepsOrder, template: null };
  const shape = { keys, sorted, keepsOrder, template: keepsOrder ? templateOf(sorted) : null };
  const isFull = shapeCount === SHAPES_MAX;
  if (isFull) shapes.clear();
  shapeCount = isFull ? 1 : shapeCount + 1;
  if (known === undefined || isFull) shapes.set(keys[0] ?? '', [shape]);
  else if (known.length < SHAPES_OF_KEY_MAX) known.push(shape);
  else known[shapeCount % SHAPES_OF_KEY_MAX] = shape;
  return shape;
}

/**
 * Each member has held values of several kinds, so the engine expects any kind and need not rebuild a copy for a new
 * one.
 */
function templateOf(keys: readonly string[]): Record<string, unknown> {
  const template: Record<string, unknown> = {};
  for (const value of [0, 0.5, '', {}, null]) for (const key of keys) template[key] = value;
  return template;
}
