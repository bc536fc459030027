// Puts secrets at random places into random values; none of them may be in the copy.
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { PlainCopy } from '../src/plain-copy.ts';
import { Redaction } from '../src/redaction.ts';

const CANARY = 'c4n4ry5ecret';
const secretName = fc.constantFrom(
  'Authorization',
  'set-cookie',
  'accessToken',
  'X-API-Key',
  'client_secret',
  'PassWord',
  'db.password',
  'pwd',
  'SESSION_ID',
  'jwt',
);
/** A member with a secret name, or a text in the form of a secret. */
const secret = fc.oneof(
  secretName.map((name) => ({ [name]: CANARY })),
  secretName.map((name) => ({ [name]: { inner: [CANARY] } })),
  secretName.map((name) => ({ note: `/path?a=1&${encodeURIComponent(name)}=${CANARY}&b=2` })),
  secretName.map((name) => ({ note: JSON.stringify({ [name]: CANARY }) })),
  secretName.map((name) => ({ note: `https://x/?next=${encodeURIComponent(`https://y/?${name}=${CANARY}`)}` })),
  fc.constant({ note: `said Bearer ${CANARY}` }),
  fc.constant({ link: `https://user:${CANARY}@host/` }),
  fc.constant({ note: `eyJhbGciOiJIUzI1NiJ9.${CANARY}.${CANARY}` }),
  fc.constant({ [`?token=${CANARY}`]: 1 }),
);
/** Secrets anywhere in a tree of lists and objects. */
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    secret,
    fc.dictionary(fc.string({ maxLength: 8 }), tie('tree'), { maxKeys: 4 }),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.jsonValue({ maxDepth: 2 }),
    fc.string({ unit: 'binary' }),
  ),
}));

describe('captured values (security rows 11 and 24)', () => {
  it('contain no secret, wherever it was', () => {
    fc.assert(
      fc.property(tree, (value) => {
        const copy = new PlainCopy(new Redaction(), 1_000_000).value({ value }, []);
        expect(JSON.stringify(copy)).not.toContain(CANARY);
      }),
      runs(2_000),
    );
  });

  it('exceed their bound by at most one text', () => {
    fc.assert(
      fc.property(tree, fc.integer({ min: 1, max: 3_000 }), (value, bytesMax) => {
        const copy = new PlainCopy(new Redaction(), bytesMax).value({ value }, []);
        expect(Buffer.byteLength(JSON.stringify(copy))).toBeLessThan(bytesMax + 7_000);
      }),
      runs(500),
    );
  });

  it('contain everything that is not secret, unchanged', () => {
    const plain = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value).replaceAll('-0', '0')));
    fc.assert(
      fc.property(plain, (value) => {
        const asText = JSON.stringify(value);
        fc.pre(!/[=@:"\\]{2}|[\ud800-\udfff]/.test(asText.slice(1, -1)) && new Redaction().clean(asText) === asText);
        const copy = new PlainCopy(new Redaction(), 1_000_000).value({ value }, []) as { value: unknown };
        expect(JSON.stringify(copy.value)).toBe(asText);
      }),
      runs(500),
    );
  });

  it('lack exactly the values that a path names', () => {
    const redaction = new Redaction(['a.*.c', 'x', '**.mail']);
    const value = { a: [{ b: 1, c: 2 }, { c: 3 }], x: 4, c: 5, z: { mail: 6, x: 7 } };
    expect(new PlainCopy(redaction, 1_000).members(value, redaction.root)).toEqual({
      a: [{ b: 1, c: '[redacted]' }, { c: '[redacted]' }],
      x: '[redacted]',
      c: 5,
      z: { mail: '[redacted]', x: 7 },
    });
  });
});
