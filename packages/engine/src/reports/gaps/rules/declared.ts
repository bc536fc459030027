import { at, type TimeRange } from '@pik/schema';
import type { Steps } from './cadence/steps.ts';
import { GRAIN_MS } from './calendar.ts';
import type { Cell } from './gap-cells.ts';
import type { GapInterval, GapQuestion, ModelledSeries } from './gap-question.ts';
import { declaredText } from './gap-texts.ts';
import { laterIn } from './later.ts';
import { isOutlier } from './lives.ts';
import { createRuler, type Ruler } from './ruler.ts';

/** Days whose lengths are checked one by one, since clocks may change in them. */
const DAYS_MAX = 4_000;

/** Adjacent windows of one state; MISSING windows have no events. */
interface Stretch {
  readonly state: 'MISSING' | 'PARTIAL';
  readonly from: number;
  to: number;
  count: number;
  /** Places of the windows with events before and after it. */
  readonly before: number;
  after: number;
}

/** The gaps of a series whose interval the caller declares: between its first and last event each window has its events. */
export function* declaredGaps(series: ModelledSeries, question: GapQuestion, declaredMs: number): Steps<GapInterval[]> {
  const cells = series.lives.filter((life) => !isOutlier(life, series.main)).flatMap((life) => life.cells);
  const { calendar, start_time, end_time, asOfMs } = question;
  const ruler = createRuler(calendar, at(cells, 0).start_ms, at(cells, cells.length - 1).start_ms);
  const expected = expectedIn(ruler, { grain: calendar.grain, declaredMs });
  const later = laterIn(series.cells);
  const youngMs = asOfMs + 1 - Math.ceil(series.usualLagMs);
  const good = (i: number) => {
    const cell = cells[i];
    return cell === undefined ? null : { start_ms: cell.start_ms, end_ms: calendar.at(cell.start_ms).end_ms };
  };
  const gaps: GapInterval[] = [];
  for (const stretch of yield* stretchesOf(cells, ruler, expected)) {
    const startMs = (index: number) => ruler.startOf(index);
    for (const [from, to, state] of partsOf(stretch, { startMs, start_time, end_time, youngMs })) {
      const usual = expected(from, to);
      const [start_ms, end_ms] = [startMs(from), startMs(to)];
      gaps.push({
        series: series.cells.series,
        state,
        kind: null,
        text: declaredText(declaredMs, { count: stretch.count, expected: usual }),
        start_ms,
        end_ms,
        windows: to - from,
        count: stretch.count,
        later: later(start_ms, end_ms),
        expected: usual,
        usualLagMs: series.usualLagMs,
        lastGood: good(stretch.before),
        firstGood: good(stretch.after),
      });
    }
  }
  return gaps;
}

/** With a declared interval, one event may lie on the other side of a window bound. */
function* stretchesOf(
  cells: readonly Cell[],
  ruler: Ruler,
  expected: (from: number, to: number) => number,
): Steps<Stretch[]> {
  const stretches: Stretch[] = [];
  let [last, lastGood] = [-1, -1];
  for (const [i, { start_ms, count }] of cells.entries()) {
    const at = ruler.indexOf(start_ms);
    if (i > 0 && at > last + 1)
      stretches.push({ state: 'MISSING', from: last + 1, to: at, count: 0, before: lastGood, after: -1 });
    const open = stretches.at(-1);
    if (count >= expected(at, at + 1) - 1) {
      for (let s = stretches.length - 1; s >= 0 && stretches[s]?.after === -1; s--) (stretches[s] as Stretch).after = i;
      lastGood = i;
    } else if (open?.state === 'PARTIAL' && open.to === at) {
      open.to += 1;
      open.count += count;
    } else stretches.push({ state: 'PARTIAL', from: at, to: at + 1, count, before: lastGood, after: -1 });
    last = at;
    if (i % 4_096 === 0) yield;
  }
  return stretches;
}

interface Bounds extends TimeRange {
  readonly startMs: (index: number) => number;
  readonly youngMs: number;
}

/** The part of a stretch that lies in the range: first its settled windows, then its pending ones. */
function partsOf(
  { state, from, to }: Stretch,
  { startMs, start_time, end_time, youngMs }: Bounds,
): (readonly [number, number, GapInterval['state']])[] {
  const first = firstWhere(from, to, (index) => startMs(index) >= start_time);
  const end = firstWhere(from, to, (index) => startMs(index) >= end_time);
  const young = Math.min(
    end,
    firstWhere(first, to, (index) => startMs(index + 1) > youngMs),
  );
  return (
    [
      [first, young, state],
      [Math.max(first, young), end, 'PENDING'],
    ] as const
  ).filter(([low, high]) => low < high);
}

/** The first window from `from` on that passes, `to` if none does; all after it pass too. */
function firstWhere(from: number, to: number, passes: (index: number) => boolean): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (passes(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Number of events that a declared interval implies for some windows; at least one each. */
function expectedIn(
  ruler: Ruler,
  { grain, declaredMs }: { grain: keyof typeof GRAIN_MS; declaredMs: number },
): (from: number, to: number) => number {
  const inWindow = (ms: number) => Math.max(1, Math.floor(ms / declaredMs));
  return (from, to) => {
    if (grain !== 'day' || to - from > DAYS_MAX) return (to - from) * inWindow(GRAIN_MS[grain]);
    let sum = 0;
    for (let index = from; index < to; index++) sum += inWindow(ruler.startOf(index + 1) - ruler.startOf(index));
    return sum;
  };
}
