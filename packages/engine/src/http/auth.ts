import { createHash, timingSafeEqual } from 'node:crypto';

import { KitError, type RouteName, SCOPES, type Scope, scopesOf } from '@pik/schema';

import { checkOrigin, isPageRoute, keyInUrl, originFault } from './browser-door.ts';

/** An API key as the server holds it: never the key itself. */
export interface ApiKey {
  /** The name of its holder in logs and receipts. Two keys may have it, while one replaces the other. */
  readonly name: string;
  /** The person or service responsible for the key, at most 200 characters; the request log names it. Default: nobody is named. */
  readonly owner?: string | undefined;
  /** SHA-256 of the key, 64 hexadecimal digits in lower case. */
  readonly key_sha256: string;
  readonly scopes: readonly Scope[];
  /**
   * Origins whose pages may use the key, such as `https://shop.example`. Its only scope is then `ingest`, it may stand in the URL
   * (`?key=`), and requests from elsewhere are refused. Default: the key is not for pages.
   */
  readonly origins?: readonly string[] | undefined;
  /** Requests a minute, as many at once; more are answered `RATE_LIMITED`. Default: no limit. */
  readonly requests_per_minute?: number | undefined;
  /** Bytes of bodies in a day of UTC, as received; then requests are answered `RATE_LIMITED`. Default: no limit. */
  readonly bytes_per_day?: number | undefined;
}

/** The sender of a request, and what it may do. */
export interface Caller {
  /** The name of the key; null if no key was required. */
  readonly name: string | null;
  /** The person or service responsible for the key; null if none is declared. */
  readonly owner: string | null;
  readonly scopes: ReadonlySet<Scope>;
}

/** Checks that a request may use a route. Throws `UNAUTHENTICATED`, `FORBIDDEN`. */
export type Authenticate = (request: Request, route: RouteName) => Caller | Promise<Caller>;

/** The caller of a public route. */
export const ANYBODY: Caller = { name: null, owner: null, scopes: new Set() };

/** A caller who may do everything. */
const EVERYBODY: Caller = { name: null, owner: null, scopes: new Set(SCOPES) };

/**
 * Makes the gate of an app. Without keys it is open: such a server must be reachable by its own machine only.
 *
 * @throws KitError `CONFIG_INVALID` for a list that is empty or that has a key which cannot be used.
 */
export function createAuthenticate(apiKeys: readonly ApiKey[] | undefined): Authenticate {
  if (apiKeys === undefined) return () => EVERYBODY;
  const keys = readKeys(apiKeys);
  return (request, route) => {
    const needed = scopesOf(route);
    if (needed.length === 0) return ANYBODY;
    const header = request.headers.get('authorization');
    const inUrl = header === null && isPageRoute(route) ? keyInUrl(request) : null;
    const key = findKey(keys, header === null ? (inUrl ?? undefined) : tokenIn(header));
    // URLs are written to logs on the way: a key in one must be good for nothing else.
    if (key === null || (inUrl !== null && key.origins === undefined))
      throw new KitError('UNAUTHENTICATED', 'send Authorization: Bearer followed by a key');
    checkOrigin(key, request, route);
    checkScopes(key, needed);
    return key;
  };
}

/** Refuses a caller who lacks one of these scopes. Throws `FORBIDDEN`. */
function checkScopes({ name, scopes }: HeldKey, needed: readonly Scope[]): void {
  const missing = needed.find((scope) => !scopes.has(scope));
  if (missing !== undefined) throw new KitError('FORBIDDEN', `the key ${name} lacks the scope ${missing}`);
}

interface HeldKey extends Caller {
  readonly name: string;
  readonly hash: Uint8Array;
  readonly origins: readonly string[] | undefined;
}

function readKeys(apiKeys: readonly ApiKey[]): HeldKey[] {
  // An empty list is more likely a configuration that failed to load than the wish to refuse everybody.
  if (apiKeys.length === 0)
    throw new KitError('CONFIG_INVALID', 'the list of API keys is empty; leave it out to serve without keys');
  for (const [name, keys] of Map.groupBy(apiKeys, (key) => key.name)) checkSameName(name, keys);
  return apiKeys.map(readKey);
}

/** While a holder changes from one key to the next, both are valid, and both may do the same. */
function checkSameName(name: string, [first, second, ...others]: readonly ApiKey[]): void {
  if (second === undefined || first === undefined) return;
  if (others.length > 0) throw new KitError('CONFIG_INVALID', `more than two API keys have the name ${name}`);
  if (first.key_sha256 === second.key_sha256)
    throw new KitError('CONFIG_INVALID', `the API key ${name} is there twice`);
  if (rightsOf(first) !== rightsOf(second))
    throw new KitError(
      'CONFIG_INVALID',
      `the two API keys named ${name} must have the same owner, scopes, origins and limits`,
    );
}

/** All that a key may do and who answers for it, as a text to compare. */
function rightsOf({ owner, scopes, origins = [], requests_per_minute, bytes_per_day }: ApiKey): string {
  const limits = [requests_per_minute ?? null, bytes_per_day ?? null];
  return JSON.stringify([owner ?? null, [...scopes].sort(), [...origins].sort(), ...limits]);
}

function readKey({ name, owner, key_sha256, scopes, origins, ...limits }: ApiKey): HeldKey {
  if (typeof name !== 'string' || !/^[\w.@-]{1,64}$/.test(name)) {
    throw new KitError('CONFIG_INVALID', 'the name of an API key must be 1 to 64 of letters, digits, _ . @ -');
  }
  if (typeof key_sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(key_sha256)) {
    throw new KitError('CONFIG_INVALID', `the API key ${name} needs key_sha256, 64 hexadecimal digits in lower case`);
  }
  if (owner !== undefined && ownerFault(owner))
    throw new KitError('CONFIG_INVALID', `the API key ${name} ${OWNER_RULE}`);
  const unknown = scopes.find((scope) => !SCOPES.includes(scope));
  if (unknown !== undefined)
    throw new KitError('CONFIG_INVALID', `the API key ${name} has an unknown scope; there are ${SCOPES.join(', ')}`);
  for (const [limit, value] of Object.entries(limits))
    if (value !== undefined && !(Number.isInteger(value) && value > 0))
      throw new KitError('CONFIG_INVALID', `the API key ${name} needs ${limit} as a whole number above 0`);
  const fault = origins === undefined ? null : originFault(origins, scopes);
  if (fault !== null) throw new KitError('CONFIG_INVALID', `the API key ${name} ${fault}`);
  return { name, owner: owner ?? null, hash: Buffer.from(key_sha256, 'hex'), scopes: new Set(scopes), origins };
}

/** Rest of the sentence about an owner that cannot be used. */
const OWNER_RULE = 'needs as owner 1 to 200 characters in one line';

function ownerFault(owner: unknown): boolean {
  return typeof owner !== 'string' || !/^[^\p{Cc}]{1,200}$/u.test(owner);
}

function bearerToken(header: string): string | undefined {
  return /^bearer +([\w.~+/=-]+) *$/i.exec(header)?.[1];
}

/** The user name of HTTP Basic authentication without a password: SDKs of Segment and RudderStack send their write key so. */
function basicUser(header: string): string | undefined {
  const encoded = /^basic +([\w+/]+=*) *$/i.exec(header)?.[1];
  if (encoded === undefined) return undefined;
  return /^([\w.~+/=-]+):$/.exec(Buffer.from(encoded, 'base64').toString('latin1'))?.[1];
}

function tokenIn(header: string): string | undefined {
  return bearerToken(header) ?? basicUser(header);
}

/** Compares with every key, in constant time, so that the response time reveals nothing about any key. */
function findKey(keys: readonly HeldKey[], token: string | undefined): HeldKey | null {
  if (token === undefined) return null;
  const hash = createHash('sha256').update(token).digest();
  let found: HeldKey | null = null;
  for (const key of keys) {
    if (timingSafeEqual(key.hash, hash)) found = key;
  }
  return found;
}
