import { type Places, REDACTED, type Redaction } from './redaction.ts';

/** Levels of objects and arrays that a copy has. */
const DEPTH_MAX = 12;
/** Characters of one text. */
const TEXT_CHARS_MAX = 1_024;
/** Members of one object or array. */
const MEMBERS_MAX = 256;
/** What stands where something was left out for its size. */
export const CUT = '[cut]';

/**
 * Copies what others made into JSON that every backend takes, without what is to be redacted and within a bound: texts,
 * objects and the whole are cut. Never throws because of what is copied, except what its getters throw.
 */
export class PlainCopy {
  readonly #redaction: Redaction;
  #bytesLeft: number;

  /** @param bytesMax Of the copy's JSON; the last text in it may go beyond by its own size. */
  constructor(redaction: Redaction, bytesMax: number) {
    this.#redaction = redaction;
    this.#bytesLeft = bytesMax;
  }

  /** A copy of an object's members, each at its place below these rules. */
  members(value: object, places: Places, depth = 0): Record<string, unknown> {
    const copy: Record<string, unknown> = {};
    let count = 0;
    for (const key of Object.keys(value)) {
      if (this.#bytesLeft <= 0 || count === MEMBERS_MAX) break;
      const name = this.#name(key);
      this.#spend(name);
      const below = this.#redaction.below(places, key);
      const member = this.#redaction.isSecret(key, below)
        ? REDACTED
        : this.value((value as Record<string, unknown>)[key], below, depth + 1);
      if (member === undefined) continue;
      count += 1;
      // As data, whatever it is called.
      Object.defineProperty(copy, name, { value: member, enumerable: true, writable: true, configurable: true });
    }
    return copy;
  }

  /** A copy of anything; undefined where it has no place in JSON. */
  value(value: unknown, places: Places, depth = 0): unknown {
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        this.#bytesLeft -= 8;
        return Number.isFinite(value) ? value : null;
      case 'bigint':
        return this.#text(String(value));
      case 'boolean':
        this.#bytesLeft -= 5;
        return value;
      case 'object':
        return value === null ? null : this.#object(value, places, depth);
      default:
        return undefined;
    }
  }

  #object(value: object, places: Places, depth: number): unknown {
    if (depth >= DEPTH_MAX) return CUT;
    if (Array.isArray(value)) return this.#items(value, places, depth);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : this.#text(value.toISOString());
    // Bytes would be written as a member for each of them.
    if (ArrayBuffer.isView(value)) return CUT;
    return this.members(value, places, depth);
  }

  #items(items: readonly unknown[], places: Places, depth: number): unknown[] {
    const copy: unknown[] = [];
    for (let i = 0; i < items.length; i++) {
      if (this.#bytesLeft <= 0 || i === MEMBERS_MAX) break;
      this.#bytesLeft -= 1;
      const below = this.#redaction.below(places, String(i));
      const secret = below.some(({ here }) => here);
      copy.push(secret ? REDACTED : (this.value(items[i], below, depth + 1) ?? null));
    }
    return copy;
  }

  /** A key may hold a secret as well as a text may. */
  #name(key: string): string {
    return this.#redaction.clean(key.slice(0, TEXT_CHARS_MAX)).toWellFormed();
  }

  /** What is cut off is cut before anything is looked for: no text is searched beyond its bound. */
  #text(text: string): string {
    const max = Math.min(TEXT_CHARS_MAX, Math.max(this.#bytesLeft, 0));
    const kept = this.#redaction.clean(text.length > max ? text.slice(0, max) : text).toWellFormed();
    this.#spend(kept);
    return text.length > max ? `${kept}${CUT}` : kept;
  }

  #spend(text: string): void {
    this.#bytesLeft -= Buffer.byteLength(JSON.stringify(text)) + 1;
  }
}
