import { expect, it } from 'vitest';

import { keepYoungGeneration, YOUNG_BYTES, youngBytes } from './young-generation.ts';

it('has its size from the start, and keeps it while objects come and go', () => {
  keepYoungGeneration();
  const atStart = youngBytes();
  for (let round = 0; round < 50; round++) Array.from({ length: 20_000 }, (_, i) => ({ i, held: [i] }));
  expect([atStart >= YOUNG_BYTES, youngBytes()]).toEqual([true, atStart]);
});
