import { KitError } from '@pik/sdk';

/** Replaces a redacted value. */
export const REDACTED = '[redacted]';

/** Parts of names, ignoring case and separators, whose values are always redacted. */
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
/** Names that are secrets as a whole word and harmless as a part of others: `author`, `keyboard`, `zipcode`. */
const SECRET_NAMES = new Set(['auth', 'pwd', 'pass', 'sig', 'key', 'code', 'otp', 'pin', 'cvv', 'cvc', 'sid', 'ssn']);

/** Credentials recognised by their form, anywhere in a text. Each expression runs in one pass over the text. */
const BEARER = /\b(bearer|basic)\s{1,4}[\w.~+/=-]+/gi;
const JWT = /\beyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*)?/g;
const USER_OF_URL = /(:\/\/)[^/?#@\s]{1,256}@/g;
const QUERY_PAIR = /(^|[?&;#,\s])([^=&;#?\s]{1,64})=([^&;#\s]*)/g;
const JSON_PAIR = /"([^"\\]{1,64})"(\s{0,4}:\s{0,4})"(?:[^"\\]|\\.)*"?/g;
/** Maximum depth of URLs nested in queries of URLs. */
const NESTED_MAX = 3;

/** Cache of names, since a service has the same few. */
const NAMES_MAX = 1_000;

/** Members with their own rule: by name, `*` for any; `here` redacts the value itself. */
interface PathNode {
  here: boolean;
  readonly members: Map<string, PathNode>;
}

/** Positions of a value in the rule tree. */
export type RuleNodes = readonly PathNode[];

/** Redacts values by name, by path, and by the form of a text. */
export class Redaction {
  readonly #root: PathNode = { here: false, members: new Map() };
  readonly #names = new Set<string>();
  readonly #revealed: ReadonlySet<string>;
  readonly #known = new Map<string, boolean>();

  /**
   * @param paths Such as `query.email`, `request_body.lines.*.price`, or `**.email` for a name at any depth.
   * @param reveal Names that the defaults would redact and that stay, spelled exactly.
   * @throws KitError `CONFIG_INVALID` for an invalid path.
   */
  constructor(paths: readonly string[] = [], reveal: readonly string[] = []) {
    this.#revealed = new Set(reveal);
    for (const path of paths) this.#add(path);
  }

  /** The rules at the payload as a whole. */
  get root(): RuleNodes {
    return this.#root.members.size === 0 ? NOWHERE : [this.#root];
  }

  /** True if only the defaults are in force. */
  get hasPaths(): boolean {
    return this.#root.members.size > 0 || this.#names.size > 0;
  }

  /** The rules at a member. */
  below(nodes: RuleNodes, name: string): RuleNodes {
    if (nodes.length === 0) return NOWHERE;
    const found: PathNode[] = [];
    for (const { members } of nodes) {
      for (const key of [name, '*']) {
        const node = members.get(key);
        if (node !== undefined) found.push(node);
      }
    }
    return found;
  }

  /** True if a member is redacted, by its name or because a path ends there. */
  isSecret(name: string, nodes: RuleNodes): boolean {
    return nodes.some(({ here }) => here) || this.#isSecretName(name);
  }

  /** Redacts credentials in a text by their form. */
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

  /** True if an encoded text needs redaction once it is decoded. */
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

const NOWHERE: RuleNodes = [];

function isSecretByDefault(name: string): boolean {
  const plain = decoded(name.slice(0, 256))
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
  return SECRET_NAMES.has(plain) || SECRET_PARTS.some((part) => plain.includes(part));
}

/** A name in a query may be encoded, such as `%74oken`. */
function decoded(name: string): string {
  if (!name.includes('%')) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function invalid(path: unknown): KitError {
  return new KitError(
    'CONFIG_INVALID',
    `redact: ${JSON.stringify(path)} is not a path such as query.email or **.email`,
  );
}
