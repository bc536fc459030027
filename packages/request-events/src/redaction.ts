import { KitError } from '@pik/sdk';

/** What stands where something was taken out. */
export const REDACTED = '[redacted]';

/** Parts of names, without case and separators, whose values never leave. */
const SECRET_PARTS = [
  'authorization',
  'cookie',
  'token',
  'secret',
  'password',
  'passwd',
  'passphrase',
  'credential',
  'apikey',
  'accesskey',
  'privatekey',
  'signature',
  'session',
  'jwt',
  'csrf',
  'xsrf',
  'cardnumber',
];
/** Names that are secrets as a whole, and harmless as a part of others: `author`, `keyboard`, `zipcode`. */
const SECRET_NAMES = new Set(['auth', 'pwd', 'pass', 'sig', 'key', 'code', 'otp', 'pin', 'cvv', 'cvc', 'sid', 'ssn']);

/** Credentials that are known by their form, wherever in a text they stand. Each runs in one pass over the text. */
const BEARER = /\b(bearer|basic)\s{1,4}[\w.~+/=-]+/gi;
const JWT = /\beyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*)?/g;
const USER_OF_URL = /(:\/\/)[^/?#@\s]{1,256}@/g;
const QUERY_PAIR = /(^|[?&;#,\s])([^=&;#?\s]{1,64})=([^&;#\s]*)/g;
const JSON_PAIR = /"([^"\\]{1,64})"(\s{0,4}:\s{0,4})"(?:[^"\\]|\\.)*"?/g;
/** URLs within queries of URLs are looked into so often. */
const NESTED_MAX = 3;

/** Names seen before, since a service sees the same few. */
const NAMES_MAX = 1_000;

/** Members with a rule of their own: by name, `*` for any; `here` says that the value itself goes. */
interface PathNode {
  here: boolean;
  readonly members: Map<string, PathNode>;
}

/** Places of a rule tree that one value stands at. */
export type Places = readonly PathNode[];

/** What never leaves: by name, by path, and by the form of a text. */
export class Redaction {
  readonly #root: PathNode = { here: false, members: new Map() };
  readonly #names = new Set<string>();
  readonly #revealed: ReadonlySet<string>;
  readonly #known = new Map<string, boolean>();

  /**
   * @param paths As `query.email`, `request_body.lines.*.price`, or `**.email` for a name at any depth.
   * @param reveal Names that the defaults would take out and that may leave, exactly as they are written.
   * @throws KitError `CONFIG_INVALID` for a path that is none.
   */
  constructor(paths: readonly string[] = [], reveal: readonly string[] = []) {
    this.#revealed = new Set(reveal);
    for (const path of paths) this.#add(path);
  }

  /** The rules that the payload as a whole stands at. */
  get root(): Places {
    return this.#root.members.size === 0 ? NOWHERE : [this.#root];
  }

  /** Whether nothing but the defaults is in force. */
  get hasPaths(): boolean {
    return this.#root.members.size > 0 || this.#names.size > 0;
  }

  /** The rules that a member stands at. */
  below(places: Places, name: string): Places {
    if (places.length === 0) return NOWHERE;
    const found: PathNode[] = [];
    for (const { members } of places) {
      for (const key of [name, '*']) {
        const node = members.get(key);
        if (node !== undefined) found.push(node);
      }
    }
    return found;
  }

  /** Whether a member is taken out, by its name or because a path ends there. */
  isSecret(name: string, places: Places): boolean {
    return places.some(({ here }) => here) || this.#isSecretName(name);
  }

  /** A text without the credentials that are known by their form. */
  clean(text: string, nested = 0): string {
    return text
      .replace(USER_OF_URL, `$1${REDACTED}@`)
      .replace(QUERY_PAIR, (pair, ...[sign, name = '', value = '']: string[]) =>
        this.#isSecretName(name) || this.#hidesSecret(value, nested) ? `${sign}${name}=${REDACTED}` : pair,
      )
      .replace(JSON_PAIR, (pair, name: string, colon: string) =>
        this.#isSecretName(name) ? `"${name}"${colon}"${REDACTED}"` : pair,
      )
      .replace(BEARER, `$1 ${REDACTED}`)
      .replace(JWT, REDACTED);
  }

  /** Whether an encoded text has something to be taken out once it is decoded. */
  #hidesSecret(value: string, nested: number): boolean {
    if (!value.includes('%')) return false;
    const plain = decoded(value);
    return plain !== value && (nested === NESTED_MAX || this.clean(plain, nested + 1) !== plain);
  }

  #isSecretName(name: string): boolean {
    let secret = this.#known.get(name);
    if (secret !== undefined) return secret;
    secret = this.#names.has(name) || (!this.#revealed.has(name) && isSecretByDefault(name));
    if (this.#known.size < NAMES_MAX) this.#known.set(name, secret);
    return secret;
  }

  #add(path: string): void {
    const steps = typeof path === 'string' ? path.split('.') : [];
    const last = steps.at(-1);
    if (last === undefined || steps.includes('')) throw invalid(path);
    if (steps[0] === '**') {
      if (steps.length !== 2) throw invalid(path);
      this.#names.add(last);
      return;
    }
    let node = this.#root;
    for (const step of steps) {
      const next = node.members.get(step) ?? { here: false, members: new Map() };
      node.members.set(step, next);
      node = next;
    }
    node.here = true;
  }
}

const NOWHERE: Places = [];

function isSecretByDefault(name: string): boolean {
  const plain = decoded(name.slice(0, 256))
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
  return SECRET_NAMES.has(plain) || SECRET_PARTS.some((part) => plain.includes(part));
}

/** Names in a query may be written as `%74oken`. */
function decoded(name: string): string {
  if (!name.includes('%')) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function invalid(path: unknown): KitError {
  return new KitError('CONFIG_INVALID', `redact: ${JSON.stringify(path)} is no path such as query.email or **.email`);
}
