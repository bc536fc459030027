import { REDACTED, type Redaction, type RuleNodes } from './redaction.ts';

/** Maximum depth of a copy. */
const DEPTH_MAX = 12;
/** Maximum characters of one text. */
const TEXT_CHARS_MAX = 1_024;
/** Maximum members of one object or array. */
const MEMBERS_MAX = 256;
/** Replaces a value that was left out for its size. */
export const CUT = '[cut]';

/**
 * Copies foreign values into JSON that every backend accepts, redacted and within a bound: it cuts texts, objects and
 * the whole. Throws only what getters of the copied value throw.
 */
export class PlainCopy {
  readonly #redaction: Redaction;
  #bytesLeft: number;

  /** @param bytesMax Maximum size of the copy's JSON; its last text may exceed it by the text's own size. */
  constructor(redaction: Redaction, bytesMax: number) {
    this.#redaction = redaction;
    this.#bytesLeft = bytesMax;
  }

  /** Copies an object's members, each with the redaction rules at its place. */
  members(value: object, nodes: RuleNodes, depth = 0): Record<string, unknown> {
    const copy: Record<string, unknown> = {};
    let count = 0;
    for (const key of Object.keys(value)) {
      if (this.#bytesLeft <= 0 || count === MEMBERS_MAX) break;
      const name = this.#name(key);
      this.#spend(name);
      const below = this.#redaction.below(nodes, key);
      const member = this.#redaction.isSecret(key, below)
        ? REDACTED
        : this.value(Reflect.get(value, key), below, depth + 1);
      if (member === undefined) continue;
      count += 1;
      // As plain data, even if the name is `__proto__`.
      Object.defineProperty(copy, name, { value: member, enumerable: true, writable: true, configurable: true });
    }
    return copy;
  }

  /** Copies any value; undefined if it has no JSON form. */
  value(value: unknown, nodes: RuleNodes, depth = 0): unknown {
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
        return value === null ? null : this.#object(value, nodes, depth);
      default:
        return undefined;
    }
  }

  #object(value: object, nodes: RuleNodes, depth: number): unknown {
    if (depth >= DEPTH_MAX) return CUT;
    if (Array.isArray(value)) return this.#items(value, nodes, depth);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : this.#text(value.toISOString());
    // Bytes would become one member each.
    if (ArrayBuffer.isView(value)) return CUT;
    return this.members(value, nodes, depth);
  }

  #items(items: readonly unknown[], nodes: RuleNodes, depth: number): unknown[] {
    const copy: unknown[] = [];
    for (let i = 0; i < items.length; i++) {
      if (this.#bytesLeft <= 0 || i === MEMBERS_MAX) break;
      this.#bytesLeft -= 1;
      const below = this.#redaction.below(nodes, String(i));
      const secret = below.some(({ here }) => here);
      copy.push(secret ? REDACTED : (this.value(items[i], below, depth + 1) ?? null));
    }
    return copy;
  }

  /** A key may contain a secret as well as a text may. */
  #name(key: string): string {
    return this.#redaction.clean(key.slice(0, TEXT_CHARS_MAX)).toWellFormed();
  }

  /** Cuts before it searches: no text is searched beyond its bound. */
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
