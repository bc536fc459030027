import { durationText, formatEpochMs, type GapsReport } from '@pik/schema';

import { type CadenceModel, type CountedWindow, type Judged, judge, modelOf } from './cadence.ts';
import { GRAIN_MS, type Grain } from './calendar.ts';
import type { GapSeries, SeriesCells, SeriesWindow } from './gap-cells.ts';
import { quantile } from './histogram.ts';

/** The probability, over all series and windows of one report, that counting names any window by chance. */
export const FALSE_ALARMS_ALPHA = 0.01;

/** Events that were received in less than this share of the time in which they happened were loaded at once. */
const LOAD_SHARE = 0.1;

/** What a report asks of each series. */
export interface GapQuestion {
  /** Half-open; windows that start in it are judged. Infinite where it is unbounded. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly asOfMs: number;
  readonly basis: 'event' | 'received';
  readonly grain: Grain;
  readonly declaredMs: number | null;
}

/** A series with its windows, and how it is judged. */
export interface ModelledSeries {
  readonly cells: SeriesCells;
  readonly windows: readonly SeriesWindow[];
  readonly model: CadenceModel;
  readonly usualLagMs: number;
}

/** Adjacent windows in which events are missing. Good windows beside it are null where there are none. */
export interface GapInterval {
  readonly series: GapSeries;
  readonly state: 'MISSING' | 'PARTIAL' | 'PENDING';
  readonly start_ms: number;
  readonly end_ms: number;
  readonly windows: number;
  readonly count: number;
  readonly later: number;
  readonly expected: number | null;
  readonly usualLagMs: number;
  readonly lastGood: CountedWindow | null;
  readonly firstGood: CountedWindow | null;
}

/** What is expected of a series, learned from its whole life as far as it was read. */
export function modelSeries(
  cells: SeriesCells,
  windows: readonly SeriesWindow[],
  { basis, declaredMs }: GapQuestion,
): ModelledSeries {
  const model = declaredMs === null ? modelOf(windows) : 'DECLARED';
  return { cells, windows, model, usualLagMs: basis === 'received' ? 0 : usualLagOf(cells) };
}

/** What was loaded at once, long after it happened, has the lag of the load: it says nothing of how late events usually are. */
function usualLagOf({ lag, received, firstMs, lastMs }: SeriesCells): number {
  const isLoad = received.toMs - received.fromMs < LOAD_SHARE * (lastMs - firstMs);
  return isLoad ? 0 : Math.max(0, quantile(lag, 0.99));
}

const isAsked = ({ start_ms }: CountedWindow, { fromMs, toMs }: GapQuestion) => start_ms >= fromMs && start_ms < toMs;

/** How many windows are held against chance: by so many alpha is divided (Bonferroni), so that it holds for all together. */
export function testsOf(series: readonly ModelledSeries[], question: GapQuestion): number {
  const counting = series.filter(({ model }) => model === 'COUNTING');
  return counting.reduce((sum, { windows }) => sum + windows.filter((window) => isAsked(window, question)).length, 0);
}

/** The gaps of a series within the range, in order, adjacent windows of one state as one. */
export function gapsOf(series: ModelledSeries, question: GapQuestion, tests: number): GapInterval[] {
  const { windows, model, usualLagMs } = series;
  const { declaredMs, asOfMs } = question;
  const judged = judge(windows, model, { alpha: FALSE_ALARMS_ALPHA / Math.max(1, tests), declaredMs });
  const stateAt = (i: number): GapInterval['state'] | 'FINE' => {
    const { state } = judged[i] as Judged;
    const young = (windows[i] as SeriesWindow).end_ms + usualLagMs > asOfMs;
    return state !== 'FINE' && young ? 'PENDING' : state;
  };
  const gaps: GapInterval[] = [];
  for (let i = 0; i < windows.length; ) {
    const state = stateAt(i);
    let end = i + 1;
    if (state === 'FINE' || !isAsked(windows[i] as SeriesWindow, question)) {
      i = end;
      continue;
    }
    while (end < windows.length && stateAt(end) === state && isAsked(windows[end] as SeriesWindow, question)) end += 1;
    gaps.push(intervalOf(series, judged, { from: i, to: end, state }));
    i = end;
  }
  return gaps;
}

function intervalOf(
  { cells, windows, usualLagMs }: ModelledSeries,
  judged: readonly Judged[],
  { from, to, state }: { from: number; to: number; state: GapInterval['state'] },
): GapInterval {
  const inside = windows.slice(from, to);
  const isGood = (i: number) => judged[i]?.state === 'FINE' && (windows[i] as SeriesWindow).count > 0;
  let before = from - 1;
  while (before >= 0 && !isGood(before)) before -= 1;
  let after = to;
  while (after < windows.length && !isGood(after)) after += 1;
  const expected = judged.slice(from, to).map((one) => one.expected);
  return {
    series: cells.series,
    state,
    start_ms: (windows[from] as SeriesWindow).start_ms,
    end_ms: (windows[to - 1] as SeriesWindow).end_ms,
    windows: to - from,
    count: inside.reduce((sum, { count }) => sum + count, 0),
    later: inside.reduce((sum, { later }) => sum + later, 0),
    expected: expected.includes(null) ? null : expected.reduce<number>((sum, one) => sum + (one ?? 0), 0),
    usualLagMs,
    lastGood: windows[before] ?? null,
    firstGood: windows[after] ?? null,
  };
}

const TEXTS: Record<CadenceModel, string> = {
  DECLARED: 'declared: the caller says how often it comes',
  REGULAR: 'regular: it comes by the clock and hardly a window is empty, so each empty one is missing',
  INTERVAL: 'at intervals: missing where it stays away far longer than ever else',
  COUNTING: 'counting: missing or partial where so few are improbable for that hour of the week',
  TOO_LITTLE_HISTORY: 'too little history: nothing can be said of its windows',
};

/** A series as the report lists it. */
export function seriesView(series: ModelledSeries, question: GapQuestion): GapsReport['series'][number] {
  const { cells, windows, model, usualLagMs } = series;
  const asked = windows.filter((window) => isAsked(window, question));
  return {
    series: cells.series,
    model,
    text: TEXTS[model],
    windows: asked.length,
    empty: asked.filter(({ count }) => count === 0).length,
    first_time: formatEpochMs(cells.firstMs),
    last_time: formatEpochMs(cells.lastMs),
    usual_lag_ms: usualLagMs,
    silence: silenceOf(series, question),
  };
}

/** What lies between the last event and the end of the range, where that is at least one window. */
function silenceOf({ cells, windows }: ModelledSeries, { toMs, asOfMs, grain }: GapQuestion) {
  const last = windows.at(-1);
  if (last === undefined) return null;
  const missed = Math.floor((Math.min(toMs, asOfMs) - last.end_ms) / GRAIN_MS[grain]);
  if (missed < 1) return null;
  const silentMs = Math.min(toMs, asOfMs) - cells.lastMs;
  const full = windows.filter(({ count }) => count > 0);
  const before = full.slice(1).reduce((max, { start_ms }, i) => Math.max(max, start_ms - (full[i]?.end_ms ?? 0)), 0);
  const longest = silentMs > before;
  const text = `silent for ${durationText(silentMs)} since its last event, ${longest ? 'longer' : 'no longer'} than it was before; whether it ended or fails, its events do not say`;
  return { since: formatEpochMs(cells.lastMs), windows: missed, longest, text };
}
