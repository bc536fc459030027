import { MS_PER_DAY } from '@pik/schema';
import {
  type Arrivals,
  clock,
  daily,
  hawkes,
  interval,
  lognormal,
  negativeBinomial,
  type Process,
  poisson,
} from '@pik/testkit/fixtures/engine/arrivals';
import { instantsOf, judgeInstants, MONDAY, seriesCount } from '@pik/testkit/fixtures/engine/judging';
import { seeded } from '@pik/testkit/fixtures/seeded';
import { describe, expect, it } from 'vitest';

// The bound on false alarms of a learned silence: a month of a healthy series, judged by a monitor that looks again and again.
// A silence is judged when it is longest, just before the event that ends it: the monitor rings at any earlier time only if the
// same silence, shorter, passes. Series are fixed, so that the share of those that ring is.

const HOUR = 3_600_000;
const HISTORY_HOURS = 30 * 24;
const MONTH_HOURS = 30 * 24;

const PROCESSES: Readonly<Record<string, Process>> = {
  'a clock that skips none': clock(0),
  'a clock that skips 5 %': clock(0.05),
  'an interval of 7 hours': interval(7, 0.05, 0.02),
  'Poisson, 2 an hour': poisson(2),
  'Poisson, 0.3 an hour': poisson(0.3),
  'days and nights': daily(1),
  'overdispersed counts': negativeBinomial(2, 3),
  'Hawkes, clustered': hawkes(0.3, 0.5, 4),
  'lognormal distances': lognormal(3, 1),
};

/** Those without long silences of their own: the others may be silent for ten days and more. */
const STEADY = Object.keys(PROCESSES).slice(0, 6);

/** True if a monitor rings in the month after the history. */
function rings(arrivals: Arrivals): boolean {
  const instants = instantsOf(arrivals);
  const monthFrom = MONDAY + HISTORY_HOURS * HOUR;
  const monthTo = monthFrom + MONTH_HOURS * HOUR;
  let longest = 0;
  for (let i = 1; i < instants.length; i++) {
    const [last, next] = [instants[i - 1]?.ms ?? 0, instants[i]?.ms ?? 0];
    // A silence of at most half of the longest one before is not judged, which saves most of the time.
    const isShort = next - last <= Math.max(2 * HOUR, longest / 2);
    longest = Math.max(longest, next - last);
    if (isShort || next < monthFrom || next >= monthTo) continue;
    const asOfMs = next - 1;
    const range = [asOfMs - 30 * MS_PER_DAY, asOfMs] as const;
    const { view } = judgeInstants(instants.slice(0, i), { range, asOfMs });
    if (view.silence?.longer_than_chance === true) return true;
  }
  return false;
}

describe('a learned silence', () => {
  it('rings for at most one healthy deployment in a hundred within a month', () => {
    const series = seriesCount(4);
    const random = seeded(20_261_130);
    let [rang, months] = [0, 0];
    const by: Record<string, number> = {};
    for (const [name, process] of Object.entries(PROCESSES))
      for (let i = 0; i < series; i++) {
        months += 1;
        if (!rings(process(random, HISTORY_HOURS + MONTH_HOURS))) continue;
        rang += 1;
        by[name] = (by[name] ?? 0) + 1;
      }
    console.log(`${rang} of ${months} months rang`, by);
    // Of few months none may ring; of many, one in a hundred.
    expect(rang).toBeLessThanOrEqual(Math.floor(months / 100));
  });

  it('rings for each steady one that stops', () => {
    const random = seeded(7);
    for (const name of STEADY) {
      const process = PROCESSES[name] ?? poisson(1);
      const instants = instantsOf(process(random, HISTORY_HOURS));
      const last = instants.at(-1)?.ms ?? 0;
      const isLong = (hours: number) => {
        const asOfMs = last + hours * HOUR;
        const range = [asOfMs - 30 * MS_PER_DAY, asOfMs] as const;
        return judgeInstants(instants, { range, asOfMs }).view.silence?.longer_than_chance === true;
      };
      // Within ten days; a clock within half a day.
      expect([name, isLong(name.includes('clock') ? 12 : 240)]).toEqual([name, true]);
    }
  });
});
