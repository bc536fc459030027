import { KitError } from './errors.ts';

/** Far above what ingest admits; only keeps a cyclic object from exhausting the stack. */
const DEPTH_MAX = 1_000;

/** The canonical text of a value, and how many object members it has at all depths. */
export interface CountedCanonical {
  readonly text: string;
  readonly members: number;
}

/**
 * The RFC 8785 (JCS) form of a JSON value: keys sorted by UTF-16 code units, numbers and strings as ECMAScript prints
 * them, no white space. −0 is `0`.
 *
 * @throws KitError `LONE_SURROGATE`, `NUMBER_OUT_OF_RANGE`, `JSON_TOO_DEEP`, `EVENT_NOT_SERIALIZABLE`, each with the
 *   JSON pointer of the fault.
 */
export function canonicalize(value: unknown): string {
  return new Writer().write(value, null);
}

/** As `canonicalize`; also counts the object members, which ingest compares with those in the text. */
export function canonicalizeCounted(value: unknown): CountedCanonical {
  const writer = new Writer();
  const text = writer.write(value, null);
  return { text, members: writer.members };
}

/** How many object members a parsed JSON value has, at all depths. */
export function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) members += countMembers(item);
    return members;
  }
  for (const key of Object.keys(value)) members += 1 + countMembers((value as Record<string, unknown>)[key]);
  return members;
}

/** One step of the way to the value at hand; walked only when a fault needs its pointer. */
interface Step {
  readonly parent: Step | null;
  readonly key: string | number;
}

class Writer {
  members = 0;
  #depth = 0;

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
      text += this.write(items[i], { parent: at, key: i });
    }
    return `${text}]`;
  }

  #object(value: Record<string, unknown>, at: Step | null): string {
    const keys = Object.keys(value);
    if (!isSorted(keys)) keys.sort();
    this.members += keys.length;
    let text = '{';
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      const step = { parent: at, key };
      text += `${i > 0 ? ',' : ''}${quote(key, step)}:${this.write(value[key], step)}`;
    }
    return `${text}}`;
  }
}

/** Most producers send their keys in one order; asking is cheaper than sorting. */
function isSorted(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) {
    if ((keys[i - 1] as string) > (keys[i] as string)) return false;
  }
  return true;
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
