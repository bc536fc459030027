/** What the fast writer cannot write: the careful one then says why, or writes it after all. */
class Unusual extends Error {}
const UNUSUAL = new Unusual('not for the fast writer');

/** The keys of objects that were seen before, in their order, with what is written for them in the canonical order. */
interface Shape {
  readonly keys: readonly string[];
  readonly sorted: readonly string[];
  /** `"key":`, without the comma. */
  readonly quoted: readonly string[];
}

/** Shapes by their first key. Bounded, so that objects with keys of their own each time cost time and not memory. */
const shapes = new Map<string, Shape[]>();
let shapeCount = 0;
const SHAPES_MAX = 1_000;
const KEYS_MAX = 64;
const KEY_CHARS_MAX = 64;
/** Above what ingest admits, and far below what the stack holds. */
const DEPTH_MAX = 200;

let members = 0;

/** The canonical text and its object members, or null where the value has anything that asks for a closer look. */
export function writeFast(value: unknown, live: boolean): { text: string; members: number } | null {
  members = 0;
  try {
    return { text: write(value, live, 0), members };
  } catch (error) {
    if (error === UNUSUAL) return null;
    throw error;
  }
}

function write(value: unknown, live: boolean, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quoteFast(value);
    case 'number':
      if (!Number.isFinite(value)) throw UNUSUAL;
      return `${value}`;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth === DEPTH_MAX) throw UNUSUAL;
      return Array.isArray(value) ? writeArray(value, live, depth) : writeObject(value as never, live, depth);
    default:
      throw UNUSUAL;
  }
}

function writeArray(items: readonly unknown[], live: boolean, depth: number): string {
  if (live && Object.getPrototypeOf(items) !== Array.prototype) throw UNUSUAL;
  if (items.length === 0) return '[]';
  let text = `[${write(items[0], live, depth + 1)}`;
  for (let i = 1; i < items.length; i++) text += `,${write(items[i], live, depth + 1)}`;
  return `${text}]`;
}

function writeObject(value: Record<string, unknown>, live: boolean, depth: number): string {
  if (live) {
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) throw UNUSUAL;
  }
  const { sorted, quoted } = shapeOf(value);
  let text = '';
  for (let i = 0; i < sorted.length; i++) {
    const member = value[sorted[i] as string];
    if (member === undefined && live) continue;
    text += `${text === '' ? '{' : ','}${quoted[i]}${write(member, live, depth + 1)}`;
    members += 1;
  }
  return text === '' ? '{}' : `${text}}`;
}

/** Sorting and quoting keys costs more than all else; events of one type have the same keys in the same order. */
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
  const sorted = keys.toSorted();
  const shape = { keys, sorted, quoted: sorted.map((key) => `${quoteFast(key)}:`) };
  if (keys.length > KEYS_MAX || keys.some((key) => key.length > KEY_CHARS_MAX)) return shape;
  if (shapeCount === SHAPES_MAX) {
    shapes.clear();
    shapeCount = 0;
  }
  shapeCount += 1;
  if (known === undefined || shapeCount === 1) shapes.set(keys[0] ?? '', [shape]);
  else if (known.length < 16) known.push(shape);
  else known[shapeCount % 16] = shape;
  return shape;
}

/** What JSON escapes, and surrogates, which may lack their pair. */
const ESCAPED = /[\u0000-\u001f"\\\ud800-\udfff]/;
/** From this length on the call into the engine costs less than looking at each character. */
const SHORT = 64;

function quoteFast(text: string): string {
  if (text.length < SHORT && !ESCAPED.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw UNUSUAL;
  return JSON.stringify(text);
}
