import { createCalendar, GRAIN_MS, type Grain } from '../../src/domain/calendar.ts';
import { addInstant, createGapCells, type SeriesCells, seriesOf } from '../../src/domain/gap-cells.ts';
import { seriesView } from '../../src/domain/gap-series.ts';
import { findGaps, type GapInterval, type GapQuestion, judgedLives, modelSeries } from '../../src/domain/gaps.ts';
import { finish } from '../../src/domain/steps.ts';
import type { Arrivals } from './arrivals.ts';

/** A Monday, in which all arrivals begin. */
export const MONDAY = Date.UTC(2024, 0, 1);
const MINUTE = 60_000;

/** How a series is judged. Times in milliseconds; the range is all of it unless it is said. */
export interface Judging {
  readonly grain?: Grain;
  readonly timeZone?: string;
  readonly range?: readonly [fromMs: number, toMs: number];
  readonly asOfMs?: number;
  readonly basis?: 'event' | 'received';
  readonly declaredMs?: number;
  /** Lives that are judged in the report beside this series. */
  readonly others?: number;
}

/** Events at one instant. */
export interface Instant {
  readonly ms: number;
  readonly count?: number;
}

/** The instants of arrivals: as many minutes of a window as it has deliveries, and as many events as it has rows. */
export function instantsOf({ deliveries, rows, places }: Arrivals, grain: Grain = 'hour', startMs = MONDAY): Instant[] {
  const length = GRAIN_MS[grain];
  const instants: Instant[] = [];
  for (const [window, d] of deliveries.entries()) {
    const [first, last] = [places.first[window] as number, places.last[window] as number];
    // Spread over the window where nothing says where they came.
    const [from, to] = d > 1 && first === last ? [0, (d - 1) / d] : [first, last];
    for (let i = 0; i < d; i++) {
      const place = from + (d > 1 ? (i * (to - from)) / (d - 1) : 0);
      const ms = startMs + window * length + Math.floor((place * length) / MINUTE) * MINUTE;
      instants.push({ ms, count: i === 0 ? Math.max(1, (rows[window] as number) - d + 1) : 1 });
    }
  }
  return instants;
}

/** The windows of a series. */
export function cellsOf(instants: readonly Instant[], question: GapQuestion): SeriesCells {
  const all = createGapCells({
    calendar: question.calendar,
    basis: question.basis,
    readFromMs: Number.NEGATIVE_INFINITY,
    readToMs: Math.min(question.toMs, question.asOfMs + 1),
    asOfMs: question.asOfMs,
    includeImported: true,
    by: ['source'],
    cellsMax: Number.POSITIVE_INFINITY,
  });
  const series = seriesOf(all, { source: 's' });
  for (const { ms, count = 1 } of instants) if (ms < all.scope.readToMs) addInstant(all, series, { timeMs: ms, count });
  return series;
}

/** Judges a series as a report of it alone does. */
export function judgeInstants(instants: readonly Instant[], judging: Judging = {}) {
  const { grain = 'hour', timeZone = 'UTC', range, basis = 'received', declaredMs = null, others = 0 } = judging;
  const last = instants.reduce((most, { ms }) => Math.max(most, ms), Number.NEGATIVE_INFINITY);
  const question: GapQuestion = {
    fromMs: range?.[0] ?? Number.NEGATIVE_INFINITY,
    toMs: range?.[1] ?? Number.POSITIVE_INFINITY,
    asOfMs: judging.asOfMs ?? Math.max(last, range?.[1] ?? last),
    basis,
    calendar: createCalendar(grain, timeZone),
    declaredMs,
  };
  const series = finish(modelSeries(cellsOf(instants, question), question));
  if (series === null) throw new Error('no series');
  const findings = finish(findGaps(series, question, judgedLives([series], question) + others));
  return { ...findings, ...seriesView(findings, question) };
}

/** Judges arrivals by the hour, or by another grain. */
export const judgeArrivals = (arrivals: Arrivals, judging: Judging = {}) =>
  judgeInstants(instantsOf(arrivals, judging.grain), judging);

/** The numbers of the windows that gaps name, since the Monday; those inside an outage too, whether due or not. */
export function windowsOf(gaps: readonly GapInterval[], grain: Grain = 'hour', startMs = MONDAY): Set<number> {
  const named = new Set<number>();
  for (const { start_ms, end_ms } of gaps)
    for (let ms = start_ms; ms < end_ms; ms += GRAIN_MS[grain]) named.add(Math.round((ms - startMs) / GRAIN_MS[grain]));
  return named;
}

/** How often a property with chance in it is tried: a nightly run asks for more. */
export function runs(usual: number): number {
  const scale = Number(process.env.PIK_TEST_SCALE ?? 1);
  return Math.max(1, Math.round(usual * scale));
}
