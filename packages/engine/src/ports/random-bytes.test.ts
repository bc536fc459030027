import { expect, it } from 'vitest';

import { randomIdBytes } from './random-bytes.ts';

it('gives no byte twice, over many refills of the pool', () => {
  const seen = new Set(Array.from({ length: 2_000 }, () => Buffer.from(randomIdBytes()).toString('hex')));
  expect(seen.size).toBe(2_000);
  for (const one of seen) expect(one).toHaveLength(32);
});
