import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { RunSet } from '../../src/outbox/run-set.ts';

const range = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 12 }));

test('a run set behaves like a plain set of numbers, with the fewest possible runs', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 40 }), fc.integer({ min: 0, max: 75 }), (ranges, below) => {
      const runs = new RunSet();
      const plain = new Set<number>();
      for (const [start, length] of ranges) {
        runs.add(start, start + length);
        for (let n = start; n < start + length; n += 1) plain.add(n);
        expect(runs.size).toBe(plain.size);
      }
      for (let n = 0; n < 75; n += 1) {
        expect(runs.has(n)).toBe(plain.has(n));
        let missing = n;
        while (plain.has(missing)) missing += 1;
        expect(runs.firstMissing(n)).toBe(missing);
        expect(runs.covers(n, n + 4)).toBe([0, 1, 2, 3].every((i) => plain.has(n + i)));
      }
      const cut = [...runs.runs(below)];
      const numbers = cut.flatMap(([start, end]) => Array.from({ length: end - start }, (_, i) => start + i));
      expect(numbers).toEqual([...plain].filter((n) => n < below).sort((a, b) => a - b));
      for (const [i, [start]] of cut.entries()) expect(start).toBeGreaterThan(cut[i - 1]?.[1] ?? -1);
    }),
    runs(500),
  );
});
