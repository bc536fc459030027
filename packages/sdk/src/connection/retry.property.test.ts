import { KitError } from '@pik/schema/events';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { createAttempts } from './retry.ts';

const network = new KitError('NETWORK');
const throttled = new KitError('RATE_LIMITED');

/** Consecutive retries that the budget allows for new work. */
function repeatsLeft(begin: ReturnType<typeof createAttempts>, error: KitError): number {
  let count = 0;
  while (begin().failed(error)?.overBudget === false) count += 1;
  return count;
}

it('one budget limits the retries of all work of a client, and a throttled retry costs less', () => {
  expect(repeatsLeft(createAttempts(Number.POSITIVE_INFINITY), network)).toBe(35);
  expect(repeatsLeft(createAttempts(Number.POSITIVE_INFINITY), throttled)).toBe(100);
});

it('a success refunds its last retry, or a little without one, and never exceeds the full budget', () => {
  const step = fc.constantFrom('fail', 'throttle', 'repeat and succeed', 'succeed');
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const begin = createAttempts(Number.POSITIVE_INFINITY);
      let budget = 500;
      const pay = (cost: number, overBudget: boolean | undefined) => {
        expect(overBudget).toBe(budget < cost);
        const paid = budget < cost ? 0 : cost;
        budget -= paid;
        return paid;
      };
      for (const one of steps) {
        const work = begin();
        if (one === 'fail') pay(14, work.failed(network)?.overBudget);
        if (one === 'throttle') pay(5, work.failed(throttled)?.overBudget);
        if (!one.endsWith('succeed')) continue;
        const paid = one === 'succeed' ? 0 : pay(14, work.failed(network)?.overBudget);
        work.succeeded();
        budget = Math.min(500, budget + (paid === 0 ? 1 : paid));
      }
      expect(repeatsLeft(begin, throttled)).toBe(Math.floor(budget / 5));
    }),
    runs(100),
  );
});

it('waits with full jitter below a bound that doubles, and ends at the number of attempts', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), (attemptsMax) => {
      const work = createAttempts(attemptsMax)();
      for (let made = 1; made < attemptsMax; made++)
        expect(work.failed(network)?.delayMs).toBeLessThanOrEqual(Math.min(50 * 2 ** (made - 1), 20_000));
      expect(work.failed(network)).toBeNull();
    }),
    runs(100),
  );
});
