import fc from 'fast-check';
import { it } from 'vitest';

import { runs } from '../../src/budget.ts';

it("some sums (of `two` numbers) exceed 'a hundred'", () => {
  fc.assert(
    fc.property(fc.nat(1_000), (n) => n >= 0),
    runs(100),
  );
  fc.assert(
    fc.property(fc.nat(1_000), fc.nat(1_000), (a, b) => {
      console.log(`tried ${a} ${b}`);
      return a + b <= 100;
    }),
    runs(800),
  );
});
