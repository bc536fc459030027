import { writeFast } from './canonical-fast.ts';
import { KitError } from './errors.ts';

/** Far above the nesting that ingest admits; only keeps a cyclic object from exhausting the stack. */
const DEPTH_MAX = 1_000;

/** The canonical text of a value, and its number of object members at all depths. */
export interface CountedCanonical {
  readonly text: string;
  readonly members: number;
}

/**
 * The RFC 8785 (JCS) form of a JSON value: keys sorted by UTF-16 code units, numbers and strings as ECMAScript prints
 * them, no white space. −0 is `0`.
 *
 * @throws KitError `LONE_SURROGATE`, `NUMBER_OUT_OF_RANGE`, `JSON_TOO_DEEP`, `EVENT_NOT_SERIALIZABLE`, each with the
 * JSON pointer of the fault.
 *
 * @example
 * import { canonicalize } from '@pik/schema';
 *
 * canonicalize({ b: 1, a: 2.0 }); // {"a":2,"b":1}
 */
export function canonicalize(value: unknown): string {
  return canonicalizeCounted(value).text;
}

/** Like `canonicalize`; also counts the object members, which ingest compares with those in the text. */
export function canonicalizeCounted(value: unknown): CountedCanonical {
  return writeFast(value, false) ?? writeCarefully(value, false);
}

/**
 * The RFC 8785 form of a program's value, read as `JSON.stringify` reads it: calls `toJSON` (a Date becomes its ISO
 * text), leaves out members that are undefined, functions or symbols, and writes them as null in arrays. Refuses
 * everything that `JSON.stringify` would change silently: NaN, infinities, a lone surrogate, a bigint, an invalid Date,
 * a Map, a Set, an Error and other objects whose content is not in their members.
 *
 * @throws KitError as `canonicalize`; and anything that a getter or a `toJSON` of the value throws.
 */
export function canonicalizeLive(value: unknown): string {
  return (writeFast(value, true) ?? writeCarefully(value, true)).text;
}

function writeCarefully(value: unknown, live: boolean): CountedCanonical {
  const writer = new Writer(live);
  const text = writer.write(writer.read(value, null), null);
  return { text, members: writer.members };
}

/** The number of object members of a parsed JSON value, at all depths. */
export function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) members += countMembers(item);
    return members;
  }
  for (const member of Object.values(value)) members += 1 + countMembers(member);
  return members;
}

/** One step of the path to the current value; only a fault turns the path into a pointer. */
interface Step {
  readonly parent: Step | null;
  readonly key: string | number;
}

/** Writes the values that the fast writer does not handle, and locates each fault. */
class Writer {
  members = 0;
  readonly #live: boolean;
  #depth = 0;

  constructor(live: boolean) {
    this.#live = live;
  }

  /** Replaces a program's value with the value that JSON has for it. */
  read(value: unknown, at: Step | null): unknown {
    return this.#live ? liveValue(value, at) : value;
  }

  write(value: unknown, at: Step | null): string {
    switch (typeof value) {
      case 'string':
        return quote(value, at);
      case 'number':
        if (!Number.isFinite(value))
          throw fault('NUMBER_OUT_OF_RANGE', 'a number is outside the range of a double', at);
        return String(value);
      case 'boolean':
        return value ? 'true' : 'false';
      case 'object':
        return value === null ? 'null' : this.#container(value, at);
      default:
        throw fault('EVENT_NOT_SERIALIZABLE', `a ${typeof value} has no JSON form`, at);
    }
  }

  #container(value: object, at: Step | null): string {
    if (++this.#depth > DEPTH_MAX) throw fault('JSON_TOO_DEEP', 'nested too deep, or cyclic', null);
    const text = Array.isArray(value) ? this.#array(value, at) : this.#object(value as Record<string, unknown>, at);
    this.#depth -= 1;
    return text;
  }

  #array(items: readonly unknown[], at: Step | null): string {
    let text = '[';
    for (let i = 0; i < items.length; i++) {
      if (i > 0) text += ',';
      const step = { parent: at, key: i };
      const item = this.read(items[i], step);
      text += this.#live && isAbsent(item) ? 'null' : this.write(item, step);
    }
    return `${text}]`;
  }

  #object(value: Record<string, unknown>, at: Step | null): string {
    let text = '';
    for (const key of Object.keys(value).sort()) {
      const step = { parent: at, key };
      const member = this.read(value[key], step);
      if (this.#live && isAbsent(member)) continue;
      text += `${text === '' ? '{' : ','}${quote(key, step)}:${this.write(member, step)}`;
      this.members += 1;
    }
    return text === '' ? '{}' : `${text}}`;
  }
}

/** Members that `JSON.stringify` leaves out of objects. */
function isAbsent(value: unknown): boolean {
  return value === undefined || typeof value === 'function' || typeof value === 'symbol';
}

/** The JSON value of a program's value. */
function liveValue(value: unknown, at: Step | null): unknown {
  const isObject = typeof value === 'object' && value !== null;
  if (!isObject && typeof value !== 'bigint') return value;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON !== 'function') return isObject ? plainValue(value, at) : value;
  if (value instanceof Date && Number.isNaN(value.getTime()))
    throw fault('EVENT_NOT_SERIALIZABLE', 'an invalid Date has no JSON form', at);
  return plainValue(toJSON.call(value, String(at?.key ?? '')), at);
}

/**
 * Classes whose content is not in their members, so that JSON would lose it. Compared by name: they may come from
 * another realm.
 */
const OPAQUE = new Set(['Map', 'Set', 'WeakMap', 'WeakSet', 'Error', 'RegExp', 'Promise', 'ArrayBuffer']);

function plainValue(value: unknown, at: Step | null): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  if (kind === 'Number' || kind === 'String' || kind === 'Boolean') return value.valueOf();
  if (OPAQUE.has(kind) || ArrayBuffer.isView(value))
    throw fault('EVENT_NOT_SERIALIZABLE', `a value of type ${kind} has no JSON form`, at);
  return value;
}

function quote(text: string, at: Step | null): string {
  if (!text.isWellFormed()) throw fault('LONE_SURROGATE', 'a string has a surrogate without its pair', at);
  return JSON.stringify(text);
}

function fault(code: ConstructorParameters<typeof KitError>[0], message: string, at: Step | null): KitError {
  let path = '';
  for (let step = at; step !== null; step = step.parent) {
    path = `/${String(step.key).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1')}${path}`;
  }
  return new KitError(code, message, { path });
}
