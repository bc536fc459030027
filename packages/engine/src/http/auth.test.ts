import { createHash } from 'node:crypto';

import { KitError } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { type ApiKey, type Caller, createAuthenticate } from './auth.ts';

const SECRET = 'pik_test-only.not~a+secret/0123456789==';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const key = (name: string, secret: string, scopes: ApiKey['scopes']): ApiKey => ({
  name,
  key_sha256: sha256(secret),
  scopes,
});

/** A route that needs each scope. */
const ROUTE_OF = {
  ingest: 'ingest',
  investigate: 'lag',
  replay: 'replay',
  none: 'healthz',
  mending: 'reingest',
} as const;

/** The gate of a route; returns the name of the caller. */
const gateOf = (apiKeys: readonly ApiKey[] | undefined) => {
  const authenticate = createAuthenticate(apiKeys);
  return (asked: Request, needed: keyof typeof ROUTE_OF) => (authenticate(asked, ROUTE_OF[needed]) as Caller).name;
};

const request = (authorization?: string) =>
  new Request('http://pik.internal/', { headers: authorization === undefined ? {} : { authorization } });

const codeOf = (run: () => unknown): string | null => {
  try {
    run();
    return null;
  } catch (error) {
    return KitError.is(error) ? error.code : 'other';
  }
};

describe('the gate', () => {
  const keys = [key('ios', SECRET, ['ingest']), key('ops', 'other', ['investigate', 'replay'])];
  const authenticate = gateOf(keys);

  it('passes a key that has the scope, under its name', () => {
    expect(authenticate(request(`Bearer ${SECRET}`), 'ingest')).toBe('ios');
    expect(authenticate(request('bearer other'), 'replay')).toBe('ops');
    expect(authenticate(request(`Basic ${btoa(`${SECRET}:`)}`), 'ingest')).toBe('ios');
  });

  it('refuses a key without the scope as FORBIDDEN', () => {
    expect(codeOf(() => authenticate(request(`Bearer ${SECRET}`), 'investigate'))).toBe('FORBIDDEN');
    expect(codeOf(() => authenticate(request('Bearer other'), 'ingest'))).toBe('FORBIDDEN');
  });

  it('asks for both scopes where a route needs two', () => {
    const mending = gateOf([key('a', 'a', ['ingest', 'investigate']), key('b', 'b', ['investigate']), ...keys]);
    expect(mending(request('Bearer a'), 'mending')).toBe('a');
    for (const secret of ['b', SECRET])
      expect(codeOf(() => mending(request(`Bearer ${secret}`), 'mending'))).toBe('FORBIDDEN');
  });

  it('says who answers for a key', () => {
    const owned = createAuthenticate([{ ...key('ios', SECRET, ['ingest']), owner: 'team-ios' }]);
    expect(owned(request(`Bearer ${SECRET}`), 'ingest')).toMatchObject({ name: 'ios', owner: 'team-ios' });
  });

  it.each([
    ['nothing', undefined],
    ['an empty header', ''],
    ['another scheme', `Basic ${SECRET}`],
    ['no key', 'Bearer'],
    ['a wrong key', 'Bearer wrong'],
    ['a truncated key', `Bearer ${SECRET.slice(0, -1)}`],
    ['a longer key', `Bearer ${SECRET}x`],
    ['the hash instead of the key', `Bearer ${sha256(SECRET)}`],
    ['a key as the password', `Basic ${btoa(`:${SECRET}`)}`],
    ['a key with a password', `Basic ${btoa(`${SECRET}:x`)}`],
    ['Basic that is not base64', 'Basic ?'],
    ['two headers, joined', `Bearer ${SECRET}, Bearer ${SECRET}`],
    ['two keys', `Bearer ${SECRET} other`],
    ['a key in quotes', `Bearer "${SECRET}"`],
  ])('refuses %s as UNAUTHENTICATED', (_, authorization) => {
    expect(codeOf(() => authenticate(request(authorization), 'ingest'))).toBe('UNAUTHENTICATED');
  });

  it('requires no key for a route without a scope', () => {
    expect(authenticate(request(), 'none')).toBeNull();
    expect(authenticate(request('Bearer wrong'), 'none')).toBeNull();
  });

  it('is open without keys', () => {
    expect(gateOf(undefined)(request(), 'replay')).toBeNull();
  });
});

describe('the list of keys', () => {
  const good = key('ios', SECRET, ['ingest']);

  it.each<[string, ApiKey[]]>([
    ['is empty', []],
    ['has a name for two keys that may do different things', [good, key('ios', 'other', [])]],
    ['has a name three times', [good, key('ios', 'other', ['ingest']), key('ios', 'third', ['ingest'])]],
    ['has a key twice', [good, good]],
    ['has a limit that is not a count', [{ ...good, requests_per_minute: 0.5 }]],
    ['has a name that would not fit a log line', [{ ...good, name: 'a\nb' }]],
    ['has a key in place of its hash', [{ ...good, key_sha256: SECRET }]],
    ['has a hash in upper case', [{ ...good, key_sha256: good.key_sha256.toUpperCase() }]],
    ['has an owner of two lines', [{ ...good, owner: 'a\nb' }]],
    [
      'has two owners for one name',
      [
        { ...good, owner: 'a' },
        { ...key('ios', 'other', ['ingest']), owner: 'b' },
      ],
    ],
    ['has an unknown scope', [{ ...good, scopes: ['admin' as never] }]],
  ])('is refused when it %s', (_, keys) => {
    expect(codeOf(() => gateOf(keys))).toBe('CONFIG_INVALID');
  });

  it('may have two keys of one holder, while one replaces the other', () => {
    const both = gateOf([good, key('ios', 'next', ['ingest'])]);
    for (const secret of [SECRET, 'next']) expect(both(request(`Bearer ${secret}`), 'ingest')).toBe('ios');
    const after = gateOf([key('ios', 'next', ['ingest'])]);
    expect(codeOf(() => after(request(`Bearer ${SECRET}`), 'ingest'))).toBe('UNAUTHENTICATED');
  });

  it('never shows a key in an error', () => {
    try {
      gateOf([{ ...good, key_sha256: SECRET }]);
    } catch (error) {
      expect(String(error)).not.toContain(SECRET);
    }
  });
});
