import { counted, durationText, type Finding, MS_PER_DAY } from '@pik/schema';
import { countOver, type Histogram, quantile, sumBetween } from '../../../statistics/histogram.ts';
import { wilsonLower } from '../../../statistics/statistics.ts';
import type { DayLags } from './day-lags.ts';
import { zoneFaults, zoneFinding } from './zone-faults.ts';

/** The lags of a group, in total and by event day. */
export interface ClockFacts {
  readonly lags: Histogram;
  readonly days: DayLags;
  /** True if this server's own clock was behind for some of the receipts. */
  readonly serverWasBehind?: boolean | undefined;
}

/** A finding about clocks, and the end of the lags that shows it. */
export interface ClockFinding extends Finding {
  readonly shownBy: 'lowest' | 'highest';
}

/** A negative lag above this is normal between two good clocks. */
const AHEAD_MS = -1_000;
/** A clock that is ahead is ahead for a share of the events: at least this, with 97.5 % confidence, and three events. */
const AHEAD_SHARE_MIN = 0.01;
const AHEAD_EVENTS_MIN = 3;
/** A clock is ahead by one amount, planned events by many: the spread up to which it is one clock. */
const ONE_AMOUNT_MS = 5 * 60_000;
/** A lag this many times beyond nearly all others has another cause than the usual delay. */
const EXTREME_TIMES = 10;
const EXTREME_MS_MIN = 30 * MS_PER_DAY;

/**
 * Finds clock faults in the lags of a group. `TIME_ZONE_FAULT`: for days in a row, the lag of the quickest events is off by
 * full hours. `CLOCK_AHEAD`: a share of the events is received before its own time, all by about the same amount.
 * `FUTURE_EVENTS`: the same by many amounts, like planned events. `SERVER_CLOCK_WRONG`: this server's own clock may have
 * been behind. `EXTREME_TIMES`: single events lie far beyond all others.
 */
export function clockFindings({ lags, days, serverWasBehind = false }: ClockFacts): ClockFinding[] {
  if (lags.count === 0) return [];
  const found: ClockFinding[] = [];
  const byDay = days.days();
  const faults = zoneFaults(byDay);
  if (faults.length > 0) found.push({ ...zoneFinding(faults, byDay), shownBy: 'lowest' });
  // A zone that is ahead makes events come before their time; do not report a second fault.
  const ahead = faults.some(({ halves }) => halves < 0) ? null : aheadOf(lags, serverWasBehind);
  if (ahead !== null) found.push(ahead);
  return [...found, ...extremes(lags)];
}

function aheadOf(lags: Histogram, serverWasBehind: boolean): ClockFinding | null {
  const ahead = lags.count - countOver(lags, AHEAD_MS).count;
  const atLeast = wilsonLower(ahead, lags.count);
  if (ahead < AHEAD_EVENTS_MIN || atLeast < AHEAD_SHARE_MIN) return null;
  // Negative lags are the lowest ones: convert a share of them to a share of all.
  const early = (q: number) => -quantile(lags, (q * ahead) / lags.count);
  const [most, usual, least] = [early(0.1), early(0.5), early(0.9)];
  const share = `${ahead.toLocaleString('en-US')} of ${counted(lags.count, 'event')} (at least ${percentText(atLeast)} even if chance is allowed for)`;
  if (most - least > Math.max(ONE_AMOUNT_MS, usual)) {
    const text = `${share} came before their own time, most of them by ${durationText(least)} to ${durationText(most)}: planned events, or clocks that are ahead by different amounts.`;
    return { code: 'FUTURE_EVENTS', text, shownBy: 'lowest' };
  }
  const by = `${share} came before their own time, by ${durationText(usual)} in the median`;
  if (serverWasBehind) {
    const text = `${by}: this server's own clock was behind for a time (see the notes), so the producer's may be right.`;
    return { code: 'SERVER_CLOCK_WRONG', text, shownBy: 'lowest' };
  }
  const text = `${by}: the producer's clock is ahead by at least that much.`;
  return { code: 'CLOCK_AHEAD', text, shownBy: 'lowest' };
}

const percentText = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** Finds, at each end, the few events ten times as far out as 99 of 100, and at least 30 days. */
function extremes(lags: Histogram): ClockFinding[] {
  const high = Math.max(EXTREME_MS_MIN, EXTREME_TIMES * quantile(lags, 0.99));
  const low = Math.min(-EXTREME_MS_MIN, EXTREME_TIMES * quantile(lags, 0.01));
  const inside = sumBetween(lags, low, high);
  const late = countOver(lags, high).count;
  const mean = inside.sum / inside.count;
  const ends = [
    { count: late, farthest: lags.max, side: 'before', shownBy: 'highest' },
    { count: lags.count - inside.count - late, farthest: -lags.min, side: 'after', shownBy: 'lowest' },
  ] as const;
  return ends
    .filter(({ count }) => count > 0)
    .map(({ count, farthest, side, shownBy }) => {
      const lie = count === 1 ? 'lies' : 'lie';
      const text = `${count.toLocaleString('en-US')} of ${counted(lags.count, 'event')} ${lie} up to ${durationText(farthest)} ${side} the receipt, far beyond all others: wrong clocks, or events far in the past or future. Without such events the mean lag is ${durationText(mean)}.`;
      return { code: 'EXTREME_TIMES', text, shownBy };
    });
}
