import { createHash } from 'node:crypto';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { decodeBase32Hex, encodeBase32Hex } from './base32hex.ts';
import { sha256Bytes, sha256Hex, sha256Js } from './sha256.ts';

const bytes = fc.uint8Array({ maxLength: 300 });
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

it('SHA-256 in JavaScript, the native one and the one of Node agree', () => {
  fc.assert(
    fc.property(bytes, (data) => {
      const expected = createHash('sha256').update(data).digest('hex');
      expect(hex(sha256Js(data))).toBe(expected);
      expect(sha256Hex(data)).toBe(expected);
      expect(hex(sha256Bytes(data))).toBe(expected);
    }),
    runs(100),
  );
  for (const length of [55, 56, 63, 64, 65, 119, 120, 1_000]) {
    const data = new Uint8Array(length).fill(length);
    expect(hex(sha256Js(data))).toBe(createHash('sha256').update(data).digest('hex'));
  }
});

it('base32hex round-trips, and text order is byte order', () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      expect(decodeBase32Hex(encodeBase32Hex(a))).toEqual(a);
      if (a.length === b.length) {
        const order = Buffer.compare(a, b);
        expect(
          Math.sign(encodeBase32Hex(a) < encodeBase32Hex(b) ? -1 : encodeBase32Hex(a) > encodeBase32Hex(b) ? 1 : 0),
        ).toBe(order);
      }
    }),
    runs(100),
  );
});

it('base32hex refuses every text that no bytes encode to', () => {
  for (const text of ['w', '0', '000', '000000', '0G', 'A0', '01', 'é0', '0 '])
    expect(decodeBase32Hex(text)).toBeNull();
  fc.assert(
    fc.property(fc.string({ maxLength: 50 }), (text) => {
      const decoded = decodeBase32Hex(text);
      if (decoded !== null) expect(encodeBase32Hex(decoded)).toBe(text);
    }),
    runs(100),
  );
});
