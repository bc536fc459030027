import { createHmac } from 'node:crypto';

import type { HookSignature } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { checkSignature } from '../../src/ingest/hook-signature.ts';

const hmac = (secret: string | Buffer, text: string, encoding: 'hex' | 'base64') =>
  createHmac('sha256', secret).update(text).digest(encoding);

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const SECONDS = 1_769_770_800;

interface Case {
  readonly what: string;
  readonly signature: HookSignature;
  readonly sign: (body: string, secret: string) => Record<string, string>;
  readonly isTimed: boolean;
}

const secrets_env = ['S'];
const CASES: readonly Case[] = [
  {
    what: 'Standard Webhooks',
    signature: { scheme: 'standard', secrets_env },
    sign: (body, secret) => ({
      ...{ 'webhook-id': 'msg_1', 'webhook-timestamp': String(SECONDS) },
      'webhook-signature': `v1,${hmac(Buffer.from(secret.slice(6), 'base64'), `msg_1.${SECONDS}.${body}`, 'base64')}`,
    }),
    isTimed: true,
  },
  {
    what: 'Stripe',
    signature: { scheme: 'stripe', secrets_env },
    sign: (body, secret) => ({
      'stripe-signature': `t=${SECONDS},v1=${hmac(secret, `${SECONDS}.${body}`, 'hex')},v0=00`,
    }),
    isTimed: true,
  },
  {
    what: 'GitHub',
    signature: { scheme: 'github', secrets_env },
    sign: (body, secret) => ({ 'x-hub-signature-256': `sha256=${hmac(secret, body, 'hex')}` }),
    isTimed: false,
  },
  {
    what: 'an HMAC in a header',
    signature: { scheme: 'hmac', secrets_env, header: 'X-Shop-Hmac', encoding: 'base64' },
    sign: (body, secret) => ({ 'x-shop-hmac': hmac(secret, body, 'base64') }),
    isTimed: false,
  },
];

describe.each(CASES)('a signature of $what', ({ signature, sign, isTimed }) => {
  const check = (body: string, headers: Record<string, string>, { secrets = [SECRET], late = 0 } = {}) =>
    checkSignature(signature, secrets, { body: Buffer.from(body), headers, receivedMs: SECONDS * 1_000 + late })?.code;

  it('proves the bytes that it was made of, and no others', () =>
    fc.assert(
      fc.property(fc.string(), fc.string(), (body, other) => {
        expect(check(body, sign(body, SECRET))).toBeUndefined();
        if (other !== body) expect(check(other, sign(body, SECRET))).toBe('SIGNATURE_INVALID');
      }),
      runs(200),
    ));

  it('may be made with any of the secrets, so that one can be replaced', () => {
    const other = `whsec_${Buffer.from('another').toString('base64')}`;
    expect(check('{}', sign('{}', other), { secrets: [SECRET, other] })).toBeUndefined();
    expect(check('{}', sign('{}', other))).toBe('SIGNATURE_INVALID');
  });

  it('is missing, not invalid, if its headers are absent or malformed', () => {
    expect(check('{}', {})).toBe('SIGNATURE_MISSING');
    const malformed = Object.fromEntries(Object.keys(sign('{}', SECRET)).map((name) => [name, '']));
    expect(['SIGNATURE_MISSING', 'SIGNATURE_INVALID']).toContain(check('{}', malformed));
  });

  it('expires if it signs a time', () => {
    const expired = isTimed ? 'SIGNATURE_EXPIRED' : undefined;
    for (const late of [300_001, -300_001]) expect(check('{}', sign('{}', SECRET), { late })).toBe(expired);
    for (const late of [300_000, -300_000]) expect(check('{}', sign('{}', SECRET), { late })).toBeUndefined();
  });
});

it("agrees with the example in GitHub's documentation", () => {
  const headers = {
    'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
  };
  const delivery = { body: Buffer.from('Hello, World!'), headers, receivedMs: 0 };
  const signature: HookSignature = { scheme: 'github', secrets_env };
  expect(checkSignature(signature, ["It's a Secret to Everybody"], delivery)).toBeNull();
});
