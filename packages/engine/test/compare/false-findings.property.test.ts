import { repeats, SEED } from '@pik/testkit/budget';
import { seeded } from '@pik/testkit/fixtures/seeded';
import { describe, expect, it } from 'vitest';

import type { ReceiptFacts } from '../../src/search/rules/receipt-facts.ts';
import { differencesOf, drawn, receiptOf } from './groups.ts';

/** A stream: some paths with few values, one with ids, a number, a list, and paths that are often missing. */
function streamOf(length: number, random: () => number): ReceiptFacts[] {
  const skewed = (count: number) => Math.floor(count * random() ** 3);
  return Array.from({ length }, (_, i) => {
    const release = `v${skewed(4)}`;
    const payload = {
      release,
      build: `${release}.${skewed(3)}`,
      region: ['eu', 'us', 'asia'][skewed(3)],
      user: `u${skewed(300)}`,
      id: i,
      total: Math.round(1_000 * random() ** 4) / 10,
      tags: Array.from({ length: skewed(4) }, () => `t${skewed(6)}`),
      ...(random() < 0.2 ? { coupon: random() < 0.5 } : {}),
    };
    return receiptOf(payload, { source: `s${skewed(3)}`, event_type: `t${skewed(5)}`, principal: `p${skewed(2)}` });
  });
}

describe('a comparison of groups that are alike', () => {
  it('names something for at most one pair in a hundred, drawn from one stream', async () => {
    const random = seeded(SEED);
    const pairs = repeats(10_000);
    let stream = streamOf(2_000, random);
    let alarms = 0;
    for (let pair = 0; pair < pairs; pair++) {
      if (pair % 200 === 199) stream = streamOf(2_000, random);
      const sizes = [50 + Math.floor(random() * 200), 50 + Math.floor(random() * 200)] as const;
      const support = [0.01, 0.05, 0.1][pair % 3] ?? 0.1;
      const { explanations } = await differencesOf(drawn(stream, sizes, random), { depth: 2, support });
      if (explanations.length > 0) alarms += 1;
    }
    // Five standard deviations above one in a hundred.
    expect(alarms).toBeLessThanOrEqual(pairs / 100 + 5 * Math.sqrt(pairs / 100));
  });
});
