import { at, MS_PER_DAY } from '@pik/schema';
import { quantile } from '../../../statistics/histogram.ts';
import { DELIVERING_MIN } from './cadence/cadence.ts';
import type { Steps } from './cadence/steps.ts';
import type { Grain } from './calendar.ts';
import { declaredGaps } from './declared.ts';
import type { SeriesCells } from './gap-cells.ts';
import type { GapInterval, GapQuestion, GoodWindow, ModelledSeries } from './gap-question.ts';
import { missingTexts, partialText } from './gap-texts.ts';
import { type JudgedLife, judgeWindows, type LifeQuestion, type LifeWindows, numberWindows } from './judged-life.ts';
import { laterIn, placeOf } from './later.ts';
import { isOutlier, livesOf, mainLife } from './lives.ts';

/** How far before the range a series is read to learn what is usual. A silence longer than that parts two lives. */
export const HISTORY_MS: Readonly<Record<Grain, number>> = {
  minute: 14 * MS_PER_DAY,
  hour: 182 * MS_PER_DAY,
  day: 366 * MS_PER_DAY,
};

/** Events that were received in less than this share of the time in which they happened were loaded at once. */
const LOAD_SHARE = 0.1;

/**
 * A series of so many lives that are shorter than the silences between them comes in bouts: a bout begins dense and ends thin,
 * and what is usual in its middle says nothing of its end.
 */
const BOUTS = 3;

/** Gaps that are written before others have their turn. */
const GAPS_PIECE = 512;

/** Finds the lives of a series; null for one without an event that counts: it has no life in which something could be missing. */
export function* modelSeries(cells: SeriesCells, question: GapQuestion): Steps<ModelledSeries | null> {
  const { calendar, basis } = question;
  const historyMs = HISTORY_MS[calendar.grain];
  const lives = yield* livesOf(cells, historyMs);
  const main = mainLife(lives);
  if (main === null) return null;
  const living = lives.filter((life) => !isOutlier(life, main));
  const [firstMs, lastMs] = [at(living, 0).firstMs, at(living, living.length - 1).lastMs];
  const usualLagMs = basis === 'received' ? 0 : usualLagOf(cells, lastMs - firstMs);
  const inBouts = living.filter((life) => life.cells.length >= DELIVERING_MIN).length >= BOUTS;
  const numbered: LifeWindows[] = [];
  for (const life of living) {
    const windows = yield* numberWindows(life, lifeQuestion(question, usualLagMs));
    const isBout = inBouts && life.lastMs - life.firstMs < historyMs;
    numbered.push({ ...windows, canBeJudged: windows.canBeJudged && !isBout });
  }
  return {
    cells: { ...cells, firstMs, lastMs },
    usualLagMs,
    lives,
    main,
    numbered,
  };
}

function lifeQuestion({ start_time, end_time, asOfMs, calendar }: GapQuestion, usualLagMs: number): LifeQuestion {
  const endMs = Math.min(end_time, asOfMs + 1);
  const settledMs = asOfMs + 1 - Math.ceil(usualLagMs);
  return { calendar, start_time, end_time, endMs, settledMs, historyMs: HISTORY_MS[calendar.grain] };
}

/** Events loaded at once, long after they happened, have the lag of the load, which does not show how late events usually are. */
function usualLagOf({ lag, received }: SeriesCells, livedMs: number): number {
  const isLoad = received.toMs - received.fromMs < LOAD_SHARE * livedMs;
  return isLoad ? 0 : Math.max(0, quantile(lag, 0.99));
}

/** How many lives of a report are judged: they share its false alarms. */
export function judgedLives(series: readonly ModelledSeries[], { declaredMs }: GapQuestion): number {
  if (declaredMs !== null) return 0;
  return series.reduce((sum, { numbered }) => sum + numbered.filter(({ canBeJudged }) => canBeJudged).length, 0);
}

/** The findings of a series. */
export interface SeriesFindings {
  readonly series: ModelledSeries;
  readonly gaps: readonly GapInterval[];
  readonly judged: readonly JudgedLife[];
}

/** The gaps of a series within the range, in order. `judged` is `judgedLives` of the report. */
export function* findGaps(series: ModelledSeries, question: GapQuestion, judged: number): Steps<SeriesFindings> {
  if (question.declaredMs !== null)
    return { series, gaps: yield* declaredGaps(series, question, question.declaredMs), judged: [] };
  const later = laterIn(series.cells);
  const gaps: GapInterval[] = [];
  const lives: JudgedLife[] = [];
  for (const windows of series.numbered) {
    if (!windows.canBeJudged) continue;
    const life = yield* judgeWindows(windows, { calendar: question.calendar, judged });
    lives.push(life);
    const found = [...(yield* missingIntervals(life, series)), ...partialIntervals(life, series)];
    found.sort((a, b) => a.start_ms - b.start_ms);
    for (const gap of found) gaps.push({ ...gap, later: later(gap.start_ms, gap.end_ms) });
    yield;
  }
  return { series, gaps, judged: lives };
}

/** Gaps in the young part of the range are pending: their events may still come. */
function* missingIntervals(life: JudgedLife, series: ModelledSeries): Steps<GapInterval[]> {
  const { range, young, ruler } = life;
  const goodBeside = goodWindows(life);
  const textOf = missingTexts(life);
  const settled = Math.max(range[0], Math.min(young, range[1]));
  const rows = life.life.events / life.life.cells.reduce((sum, { deliveries }) => sum + deliveries, 0);
  const gaps: GapInterval[] = [];
  const parts = [
    ['MISSING', [range[0], settled]],
    ['PENDING', [settled, range[1]]],
  ] as const;
  for (const [state, part] of parts) {
    if (part[0] >= part[1]) continue;
    for (const { kind, from, to, windows, usual } of life.missing(part)) {
      gaps.push({
        series: series.cells.series,
        state,
        kind: state === 'PENDING' ? null : kind,
        text: textOf({ kind, from, to, windows }),
        start_ms: ruler.startOf(from),
        end_ms: ruler.startOf(to),
        windows,
        count: 0,
        later: 0,
        expected: Math.round(usual * rows * 100) / 100,
        usualLagMs: series.usualLagMs,
        ...goodBeside(from, to),
      });
      if (gaps.length % GAPS_PIECE === 0) yield;
    }
  }
  return gaps;
}

function partialIntervals(life: JudgedLife, series: ModelledSeries): GapInterval[] {
  const { verdict, ruler, young, at } = life;
  const goodBeside = goodWindows(life);
  const { cells } = life.life;
  const rows = life.life.events / cells.reduce((sum, { deliveries }) => sum + deliveries, 0);
  const gaps: GapInterval[] = [];
  for (let p = 0; p < verdict.partial.length; ) {
    const first = verdict.partial[p] ?? 0;
    const isYoung = (i: number) => (at[i] ?? 0) >= young;
    let last = first;
    for (p += 1; p < verdict.partial.length; p++) {
      const next = verdict.partial[p] ?? 0;
      if ((at[next] ?? 0) !== (at[last] ?? 0) + 1 || isYoung(next) !== isYoung(first)) break;
      last = next;
    }
    const [from, to] = [at[first] ?? 0, (at[last] ?? 0) + 1];
    const count = cells.slice(first, last + 1).reduce((sum, cell) => sum + cell.count, 0);
    const expected = usualIn(life, first, last) * rows;
    gaps.push({
      series: series.cells.series,
      state: isYoung(first) ? 'PENDING' : 'PARTIAL',
      kind: null,
      text: partialText(count, expected),
      start_ms: ruler.startOf(from),
      end_ms: ruler.startOf(to),
      windows: to - from,
      count,
      later: 0,
      expected: Math.round(expected * 100) / 100,
      usualLagMs: series.usualLagMs,
      ...goodBeside(from, to),
    });
  }
  return gaps;
}

function usualIn({ verdict: { profile } }: JudgedLife, first: number, last: number): number {
  let usual = 0;
  for (let i = first; i <= last; i++) usual += profile.mean[profile.cells[i] ?? 0] ?? 0;
  return usual;
}

/** The windows with events before and after a gap that are not partial themselves. */
function goodWindows({ at, life, ruler, verdict }: JudgedLife) {
  const partial = new Set(verdict.partial);
  const good = (i: number): GoodWindow | null => {
    const cell = life.cells[i];
    return cell === undefined ? null : { start_ms: cell.start_ms, end_ms: ruler.startOf((at[i] ?? 0) + 1) };
  };
  return (from: number, to: number) => {
    let before = placeOf(at, from) - 1;
    while (partial.has(before)) before -= 1;
    let after = placeOf(at, to);
    while (partial.has(after)) after += 1;
    return { lastGood: good(before), firstGood: good(after) };
  };
}
