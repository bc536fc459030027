import { encodeBase32Hex } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareRanked } from '../../../statistics/top-ranked.ts';
import { ID_BYTES } from '../../../storage/rules/slice-codec.ts';
import { createEntityCounts } from './entity-counts.ts';
import { createRepeatCounts } from './repeat-counts.ts';

// A duplicates report uses bounded memory: a small limit here makes several walks of what would be one.

/** Walks as often as needed; returns the number of walks. */
function walked(counts: { next(): boolean }, walk: () => void): number {
  let walks = 0;
  do {
    walk();
    walks += 1;
  } while (counts.next());
  return walks;
}

it('different entities are counted as by a Set per tally, at any memory limit', () => {
  const entity = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 52 - 1 }),
    fc.nat({ max: 20 }).map((n) => n * 2 ** 47),
    fc.nat({ max: 3 }),
  );
  const pairs = fc.array(fc.tuple(entity, fc.nat({ max: 3 })), { maxLength: 1_500 });
  fc.assert(
    fc.property(pairs, fc.integer({ min: 1, max: 400 }), (all, heldMax) => {
      const counts = createEntityCounts(heldMax);
      const walks = walked(counts, () => {
        for (const [one, tally] of all) counts.add(one, tally);
      });
      expect(walks).toBeLessThanOrEqual(all.length <= heldMax ? 1 : 20 * all.length);
      const naive = [0, 1, 2, 3].map((tally) => new Set(all.flatMap(([one, of]) => (of === tally ? [one] : []))).size);
      expect([0, 1, 2, 3].map((tally) => counts.of(tally))).toEqual(naive);
    }),
    runs(60),
  );
});

it('repeats are counted by complete ids, and those after a place are ranked as by sorting all', () => {
  // Ids of one entity and time; some differ only outside the hashed part, so their hashes collide.
  const id = fc.oneof(
    fc.nat({ max: 80 }).map((n) => [n * 3, ...new Array(11).fill(7)]),
    fc.uint8Array({ minLength: 1, maxLength: 1 }).map((end) => [...new Array(11).fill(7), ...end]),
  );
  const options = fc.record({
    heldMax: fc.integer({ min: 1, max: 100 }),
    topMax: fc.integer({ min: 1, max: 12 }),
    afterAt: fc.nat({ max: 20 }),
  });
  fc.assert(
    fc.property(fc.array(id, { maxLength: 300 }), options, (digests, { heldMax, topMax, afterAt }) => {
      const ids = digests.map((digest) => Uint8Array.from([...new Array(ID_BYTES - 12).fill(1), ...digest]));
      const naive = new Map<string, number>();
      for (const bytes of ids) {
        const text = encodeBase32Hex(bytes);
        naive.set(text, (naive.get(text) ?? 0) + 1);
      }
      const ranked = [...naive].map(([one, rank]) => ({ id: one, rank })).sort(compareRanked);
      const after = ranked[afterAt] ?? null;
      const repeats = createRepeatCounts({ topMax, after, heldMax });
      walked(repeats, () => {
        for (const bytes of ids) repeats.add(bytes, 0);
      });
      expect(repeats.total).toBe(naive.size);
      expect(repeats.top()).toEqual(
        ranked.filter((one) => after === null || compareRanked(one, after) > 0).slice(0, topMax),
      );
    }),
    runs(100),
  );
});
