import type { TimeRange } from '@pik/schema';
import { medianOfSorted } from '../../../statistics/statistics.ts';
import {
  blindWindows,
  DELIVERING_MIN,
  judgeLife,
  namedWindows,
  usualDeliveries,
  type Verdict,
  WINDOWS_MIN,
} from './cadence/cadence.ts';
import type { Counts } from './cadence/counts.ts';
import { SLOT_SCHEMES } from './cadence/slots.ts';
import type { Steps } from './cadence/steps.ts';
import { sortedOf } from './cadence/tail.ts';
import { intervalOf, type Ticks, ticksOf } from './cadence/ticks.ts';
import { type Calendar, GRAIN_MS } from './calendar.ts';
import type { Cell } from './gap-cells.ts';
import { placeOf } from './later.ts';
import type { Life } from './lives.ts';
import { createRuler, type Ruler } from './ruler.ts';

// A life of a series with its windows by number, judged by its clock, an interval of its own, or chance.

const MS_PER_MINUTE = 60_000;
/** Ticks of a series with an interval of its own, below which nothing can be said. */
const TICKS_MIN = 12;
/** With this many deliveries in a usual window, some are missing in a window that is known in part. */
const BUSY_MIN = 4;
/** Of the nominal length of a window. */
const SHORT = 0.75;

/** The question about every life of a report: of the windows that start in its range. */
export interface LifeQuestion extends TimeRange {
  readonly calendar: Calendar;
  /** Nothing after it is known. */
  readonly endMs: number;
  /** Windows that end before are old enough for their events to have come. */
  readonly settledMs: number;
  readonly historyMs: number;
}

/** The windows of a life by number, empty ones only counted. */
export interface LifeWindows {
  readonly life: Life;
  readonly ruler: Ruler;
  /** The numbers of its windows with events. */
  readonly at: Float64Array;
  /** From the first event to the end of what is asked, or to the last event if the silence since then is longer than the history. */
  readonly windows: number;
  readonly range: readonly [number, number];
  /** The first window that is too young to be judged. */
  readonly young: number;
  /** In windows; null if it keeps no interval of its own. */
  readonly interval: number | null;
  /** Whether there is enough to learn from. */
  readonly canBeJudged: boolean;
}

/** Numbers the windows of a life. */
export function* numberWindows(life: Life, question: LifeQuestion): Steps<LifeWindows> {
  const { calendar, start_time, end_time, endMs, settledMs, historyMs } = question;
  const horizonMs = Math.max(life.lastMs, Math.min(endMs, life.lastMs + historyMs));
  const ruler = createRuler(calendar, life.firstMs, horizonMs);
  const at = Float64Array.from(life.cells, ({ start_ms }) => ruler.indexOf(start_ms));
  yield;
  const last = at.at(-1) ?? 0;
  /** The first window that does not end by then. */
  const unended = (ms: number) => (ms <= life.firstMs ? 0 : ruler.indexOf(Math.min(ms, horizonMs)));
  const settled = unended(Math.min(endMs, settledMs));
  const isOver = Math.min(endMs, settledMs) - life.lastMs > historyMs;
  const windows = isOver ? last + 1 : Math.max(last + 1, settled);
  const first = start_time <= life.firstMs ? 0 : firstFrom(ruler, Math.min(start_time, horizonMs));
  const end = Math.min(
    windows,
    end_time > horizonMs ? windows : firstFrom(ruler, end_time),
    Math.max(0, unended(endMs)),
  );
  const interval = yield* intervalOf(at);
  const ticks = interval === null ? 0 : Math.round((windows - 1) / interval) + 1;
  const isLong = interval === null ? windows >= WINDOWS_MIN : ticks >= TICKS_MIN;
  return {
    life,
    ruler,
    at,
    windows,
    range: [Math.min(first, end), end],
    young: unended(settledMs),
    interval,
    canBeJudged: isLong && at.length >= DELIVERING_MIN && first < end,
  };
}

/** The first window that starts at or after an instant. */
function firstFrom(ruler: Ruler, ms: number): number {
  const index = Math.max(0, ruler.indexOf(ms));
  return ruler.startOf(index) < ms ? index + 1 : index;
}

/** Windows of a life in which deliveries are missing; `windows` of them were due. */
export interface MissingWindows {
  readonly kind: 'OUTAGE' | 'SKIP';
  readonly from: number;
  readonly to: number;
  readonly windows: number;
  /** Deliveries that are usual in them. */
  readonly usual: number;
}

/** A life that was judged. */
export interface JudgedLife extends LifeWindows {
  readonly verdict: Verdict;
  readonly ticks: Ticks | null;
  /** The shortest silence that is named an outage, in windows; may be infinite. */
  readonly blind: number;
  /** Returns the missing windows of a part of the range, in order. */
  missing(range: readonly [number, number]): MissingWindows[];
}

/** Judges a life. */
export function* judgeWindows(
  windows: LifeWindows,
  { calendar, judged }: { calendar: Calendar; judged: number },
): Steps<JudgedLife> {
  const counts = yield* countsOf(windows, calendar);
  const { interval, range } = windows;
  if (interval === null) {
    const verdict = yield* judgeLife(counts, { range, judged });
    const usual = usualDeliveries(verdict);
    const { ruler } = windows;
    // Where clocks change by half an hour a window is as short as that; what comes once an hour need not come in it.
    const isShort = (from: number, to: number) =>
      ruler.startOf(to) - ruler.startOf(from) < SHORT * GRAIN_MS[calendar.grain];
    const named = (part: readonly [number, number]) =>
      namedWindows(verdict, part).filter(({ kind, from, to }) => kind === 'OUTAGE' || !isShort(from, to));
    const missing: JudgedLife['missing'] = (part) =>
      named(part).map(({ kind, from, to, named: due }) => ({
        kind,
        from,
        to,
        windows: due,
        usual: usual(from, to),
      }));
    return { ...windows, verdict, ticks: null, blind: withinLife(blindWindows(verdict), windows), missing };
  }
  const ticks = ticksOf(counts, interval);
  const inTicks = ([from, to]: readonly [number, number]) => [placeOf(ticks.at, from), placeOf(ticks.at, to)] as const;
  const verdict = yield* judgeLife(ticks.counts, { range: inTicks(range), judged, windowsMin: TICKS_MIN });
  const missing: JudgedLife['missing'] = (part) =>
    namedWindows(verdict, inTicks(part)).map(({ kind, from, to, after, named }) => {
      const delivered = ticks.at[ticks.counts.at[after] ?? 0] ?? 0;
      const start = Math.max(delivered + 1, part[0], (ticks.at[from] ?? 0) - ticks.deviation);
      const end = Math.min(part[1], ticks.at[to] ?? windows.windows);
      return { kind, from: start, to: end, windows: end - start, usual: named };
    });
  return {
    ...windows,
    verdict,
    ticks,
    blind: withinLife(Math.round(blindWindows(verdict) * interval), windows),
    missing,
  };
}

/** A silence that would have to be longer than the known life of the series can never be observed. */
function withinLife(blind: number, { windows }: LifeWindows): number {
  return blind <= windows ? blind : Number.POSITIVE_INFINITY;
}

function* countsOf({ life, ruler, at, windows }: LifeWindows, { grain }: Calendar): Steps<Counts> {
  const { cells } = life;
  const minuteOf = (cell: Cell, ms: number) =>
    (Math.floor((ms - cell.start_ms) / MS_PER_MINUTE) * MS_PER_MINUTE) / GRAIN_MS[grain];
  const isKnownToEnd = windows > (at.at(-1) ?? 0) + 1;
  return {
    windows,
    at,
    deliveries: yield* withWholeEnds(
      Float64Array.from(cells, ({ deliveries }) => deliveries),
      isKnownToEnd,
    ),
    rows: yield* withWholeEnds(
      Float64Array.from(cells, ({ count }) => count),
      isKnownToEnd,
    ),
    places: {
      first: Float64Array.from(cells, (cell) => minuteOf(cell, cell.firstMs)),
      last: Float64Array.from(cells, (cell) => minuteOf(cell, cell.lastMs)),
    },
    scheme: SLOT_SCHEMES[grain],
    turns: ruler.turns,
  };
}

/**
 * A life begins and ends within a window: half a day of a busy series is not half as much as usual, and must not make its days
 * look uneven. A window that is known in part is taken to have at
 * least its usual deliveries.
 */
function* withWholeEnds(values: Float64Array, isKnownToEnd: boolean): Steps<Float64Array> {
  const usual = medianOfSorted(yield* sortedOf(values));
  if (usual < BUSY_MIN) return values;
  values[0] = Math.max(values[0] ?? 0, usual);
  if (!isKnownToEnd) values[values.length - 1] = Math.max(values.at(-1) ?? 0, usual);
  return values;
}
