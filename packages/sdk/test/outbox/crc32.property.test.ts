import * as zlib from 'node:zlib';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { crc32, crc32InScript } from '../../src/outbox/crc32.ts';

test('the checksum for older versions of Node equals the built-in one, for any range of any bytes', () => {
  const bytes = Buffer.from('123456789');
  expect(crc32InScript(bytes, 0, 9)).toBe(0xcbf43926);
  expect(crc32(bytes, 0, 9)).toBe(0xcbf43926);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), fc.nat(20), (given, before, after) => {
      const end = Math.max(before, given.length - after);
      const expected = zlib.crc32(given.subarray(before, end));
      expect(crc32InScript(given, Math.min(before, given.length), Math.min(end, given.length))).toBe(expected);
    }),
    runs(100),
  );
});
