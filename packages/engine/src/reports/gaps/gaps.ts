import {
  counted,
  formatEpochMs,
  type Gap,
  type GapsQuery,
  type GapsReport,
  gapsQuestion,
  KitError,
  LIMITS,
  MS_PER_DAY,
  timelineBound,
} from '@pik/schema';
import { answerQuestion } from '../../runtime/answer-question.ts';
import { exceeded } from '../../runtime/budget.ts';
import type { Context } from '../../runtime/context.ts';
import { readPages } from '../../runtime/pages.ts';
import { EVENT_TIME_END, EVENT_TIME_START } from '../../storage/timeline.ts';
import { type ClosedCells, openClosedCells, type Portion } from '../closed-cells.ts';
import { openReportPage, type ReportPage } from '../report-page.ts';
import { coveredView, endPart, partNotes, type ReportPart, type SlicePlace } from '../report-part.ts';
import { readPortions, readSlices, scanSlices } from '../report-slices.ts';
import { eventDayOf } from '../rules/cell-scope.ts';
import { compareNames } from '../rules/groups.ts';
import type { ReportScope } from '../rules/report-scope.ts';
import { whyEmpty } from '../why-empty.ts';
import { explainGaps } from './gap-causes.ts';
import { findNeighbours } from './gap-neighbours.ts';
import { versionGaps } from './gap-versions.ts';
import { ALPHA_OUTAGE, ALPHA_PARTIAL } from './rules/cadence/cadence.ts';
import type { Steps } from './rules/cadence/steps.ts';
import { createCalendar } from './rules/calendar.ts';
import { addCell, coverageOfWindows } from './rules/closed-windows.ts';
import {
  addCompleteSlice,
  addInstant,
  addLag,
  addScanned,
  createGapCells,
  dropFrom,
  type GapCells,
  type GapScope,
  type GapSeries,
  seriesOf,
} from './rules/gap-cells.ts';
import type { GapInterval, GapQuestion, ModelledSeries } from './rules/gap-question.ts';
import { type SeriesView, seriesView } from './rules/gap-series.ts';
import { findGaps, HISTORY_MS, judgedLives, modelSeries } from './rules/gaps.ts';

/** Number of windows with events after which no further day is started, so that a page of slices still fits. */
const CELLS_ENOUGH = LIMITS.report_windows_max * 0.9;
/** Number of series whose outlying events are looked up. */
const APART_MAX = 20;
/** Probability that a report names anything by chance: more than its tests spend, as a reserve for errors of the models. */
const FALSE_ALARMS_ALPHA = 0.01;

/**
 * Reports which windows are missing, by a calendar instead of the events that exist, and why. Pages divide the gaps; causes
 * are looked up for the gaps of the page only.
 *
 * @throws KitError `CURSOR_INVALID`, and what `versionGaps` throws.
 */
export const gaps = answerQuestion(gapsQuestion, async (context, query) => {
  const { cursor, limit, ...asked } = query;
  const page = openReportPage(cursor, { report: 'gaps', ...asked });
  if (query.metric !== undefined) return versionGaps(context, query, page);
  const asOfMs = query.as_of ?? page.nowMs;
  const whole = questionOf(query, asOfMs);
  const history = historyOf(page, query.grain);
  const cells = createGapCells(scopeOf(query, partQuestion(whole, page.part), history));
  let nextHistory = history;
  if (query.entity_id === undefined) nextHistory = await readCells(context, query, { cells, page, history });
  else await readEntity(context, { ...query, entity_id: query.entity_id }, cells);
  const question = partQuestion(whole, page.part);
  const notes = partNotes(page.part);
  if (history < historyDays(query.grain))
    notes.push(`what is usual is learned from the last ${counted(history, 'day')} only`);
  if (cells.full) notes.push(`only ${LIMITS.report_windows_max} windows with events were held`);
  const series = await modelAll(context, cells, question);
  const told = series.filter(({ cells: { series } }) => isAskedFor(series, query));
  told.sort((a, b) => compareNames(a.cells.series, b.cells.series));
  const judged = judgedLives(told, question);
  const found: GapInterval[] = [];
  const views: SeriesView[] = [];
  for (const one of told) {
    // The model of a series is dropped after its findings, so that the windows of two series are never in memory together.
    const findings = await inTurns(context, findGaps(one, question, judged));
    for (const gap of findings.gaps) found.push(gap);
    views.push(seriesView(findings, question));
  }
  // A stable sort: gaps with equal starts keep the order of their series.
  found.sort((a, b) => a.start_ms - b.start_ms);
  const end = page.offset + limit;
  const next_cursor = page.cursorAt(
    end < found.length ? { offset: end, after: null } : null,
    () => found.map(({ series: of, state, start_ms, end_ms }) => [of, state, start_ms, end_ms]),
    { same: String(history), next: page.part.until == null ? null : String(nextHistory) },
  );
  const items = found.slice(page.offset, end);
  const covered = coveredView(page.part, whole);
  return {
    range: {
      start_time: textOf(whole.start_time),
      end_time: textOf(whole.end_time),
      as_of: formatEpochMs(asOfMs),
      basis: query.basis,
      include_imported: query.include_imported,
      time_zone: query.time_zone,
    },
    covered,
    ...(told.length === 0 && covered === null && query.entity_id === undefined
      ? { empty: await whyEmpty(context, { scope: emptyScope(query, question), ...seriesOfQuery(query) }) }
      : {}),
    grain: query.grain,
    time_zone: query.time_zone,
    cadence_ms: query.cadence_ms ?? null,
    false_alarms: {
      alpha: FALSE_ALARMS_ALPHA,
      spent: judged === 0 ? 0 : ALPHA_OUTAGE + ALPHA_PARTIAL,
      covers: 'OUTAGE and PARTIAL' as const,
      judged,
    },
    series: await withExamples(context, query, { views, question }),
    gaps: await explained(context, query, { found: items, series, question, notes }),
    gaps_total: found.length,
    next_cursor,
    partial: notes.length > 0,
    notes,
  };
});

const textOf = (ms: number) => (Number.isFinite(ms) ? formatEpochMs(ms) : null);

const seriesOfQuery = ({ source, event_type }: GapsQuery) => ({ source, event_type });

function emptyScope(
  { include_imported: includeImported }: GapsQuery,
  { start_time, end_time, asOfMs, basis }: GapQuestion,
): ReportScope {
  return { start_time, end_time, asOfMs, basis, by: [], includeImported };
}

function questionOf(query: GapsQuery, asOfMs: number): GapQuestion {
  return {
    start_time: query.start_time,
    end_time: query.end_time,
    asOfMs,
    basis: query.basis,
    calendar: createCalendar(query.grain, query.time_zone),
    declaredMs: query.cadence_ms ?? null,
  };
}

/** The part of the question that one answer covers: complete windows of the calendar, whose days may be other than those of slices. */
function partQuestion(question: GapQuestion, { from, until }: ReportPart): GapQuestion {
  const startOf = ({ day }: SlicePlace) => question.calendar.at(day * MS_PER_DAY).start_ms;
  return {
    ...question,
    start_time: from === null ? question.start_time : Math.max(question.start_time, startOf(from)),
    end_time: until == null ? question.end_time : Math.min(question.end_time, startOf(until)),
  };
}

const historyDays = (grain: GapsQuery['grain']) => HISTORY_MS[grain] / MS_PER_DAY;

/** Days of history of this page; fewer if they took too much of the budget of the previous page. */
function historyOf({ extra }: ReportPage, grain: GapsQuery['grain']): number {
  if (extra === '') return historyDays(grain);
  const days = Number(extra);
  if (!Number.isSafeInteger(days) || days < 0) throw new KitError('CURSOR_INVALID');
  return Math.min(days, historyDays(grain));
}

/** Reads nothing after the range or the as-of time, so that the answer is the same later. */
function scopeOf(query: GapsQuery, { start_time, end_time, asOfMs, calendar }: GapQuestion, history: number): GapScope {
  return {
    calendar,
    basis: query.basis,
    readFromMs: start_time - history * MS_PER_DAY,
    readToMs: Math.min(end_time, asOfMs + 1),
    asOfMs,
    includeImported: query.include_imported,
    by: query.by,
    cellsMax: LIMITS.report_windows_max,
  };
}

interface Reading {
  readonly cells: GapCells;
  readonly page: ReportPage;
  readonly history: number;
}

/**
 * Reads all series of the source, whatever the type in the question: only they show if the whole source was silent. Returns
 * the days of history of the next page.
 */
async function readCells(context: Context, query: GapsQuery, reading: Reading): Promise<number> {
  const { cells } = reading;
  const { scope } = cells;
  const series = { source: query.source, event_type: query.by.length < 2 ? query.event_type : undefined };
  if (query.basis === 'event') return readDays(context, { ...daysOf(scope), ...series }, reading);
  const closed = await openWindows(context, reading, { ...ALL_DAYS, ...series });
  const range = {
    start_time: scope.readFromMs,
    end_time: scope.readToMs,
    asOfMs: scope.asOfMs,
    basis: 'received',
  } as const;
  const partialDays = new Set<number>();
  const skip = closed?.skip;
  const slices = { scope: { ...range, by: [], includeImported: scope.includeImported }, ...series, skip };
  for (const day of closed?.days ?? []) for await (const portion of closed?.read(day) ?? []) addPortion(cells, portion);
  for await (const slice of readSlices(context, slices)) {
    if (closed?.covers(slice.pack_id) === true) continue;
    if (!addCompleteSlice(cells, slice)) partialDays.add(slice.event_day);
  }
  for (const fromDay of [...partialDays].sort((a, b) => a - b)) {
    for await (const slice of scanSlices(context, { ...series, skip }, { fromDay, toDay: fromDay + 1 })) {
      if (closed?.covers(slice.pack_id) === true) continue;
      if (slice.received_min_ms !== slice.received_max_ms) addScanned(cells, slice);
    }
  }
  return reading.history;
}

/** The closed hours that a gap report reads. */
function openWindows(context: Context, { cells, page }: Reading, days: DaysQuery): Promise<ClosedCells | null> {
  const { scope } = cells;
  const [fromMs, toMs] =
    scope.basis === 'received'
      ? [scope.readFromMs, Math.min(scope.readToMs, scope.asOfMs)]
      : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return openClosedCells(context, {
    ...days,
    receivedFromMs: fromMs,
    receivedToMs: toMs,
    closedBeforeMs: page.nowMs,
    fit: (cell) => coverageOfWindows(cell, scope),
  });
}

function addPortion(cells: GapCells, portion: Portion): number {
  if ('cell' in portion) {
    addCell(cells, portion.cell);
    return eventDayOf(portion.cell);
  }
  addScanned(cells, portion.slice);
  return portion.slice.event_day;
}

interface DaysQuery {
  readonly fromDay: number;
  readonly toDay: number;
  readonly source: string | undefined;
  readonly event_type: string | undefined;
}

/**
 * Reads the days of the range, and those before and after it from which the usual is learned. If the budget ends first, the
 * answer covers the days of the range that were read completely; without any, the next answer reads fewer days of history.
 *
 * @throws KitError `BUDGET_EXCEEDED` if a single day exceeds the budget.
 */
async function readDays(context: Context, days: DaysQuery, { cells, page, history }: Reading): Promise<number> {
  const { part } = page;
  const read: ReportPart = { ...part, from: null };
  let firstDay = Number.POSITIVE_INFINITY;
  const closed = await openWindows(context, { cells, page, history }, days);
  const reading = { part: read, closed, isFull: () => cells.cells >= CELLS_ENOUGH };
  for await (const portion of readPortions(context, { ...days, withEntries: true }, reading))
    firstDay = Math.min(firstDay, addPortion(cells, portion));
  if (part.until !== undefined) return history;
  if (read.until == null) {
    endPart(part, null, null);
    return history;
  }
  const { day } = read.until;
  const { calendar, readFromMs } = cells.scope;
  const start_time = readFromMs + history * MS_PER_DAY;
  const isEmpty = calendar.at(day * MS_PER_DAY).start_ms <= start_time;
  if (day <= firstDay || (isEmpty && history === 0)) throw exceeded(read.why ?? 'time');
  dropFrom(cells, day * MS_PER_DAY);
  endPart(part, { day: isEmpty ? Math.floor(start_time / MS_PER_DAY) : day, cursor: null }, read.why);
  // Half of the limit is left for the days in the question.
  return Math.min(history, Math.floor((day - firstDay) / 2));
}

const EVER_DAYS = 4_000_000;
const ALL_DAYS = { fromDay: -EVER_DAYS, toDay: EVER_DAYS };

function daysOf({ readFromMs, readToMs }: GapScope): { fromDay: number; toDay: number } {
  return {
    fromDay: Number.isFinite(readFromMs) ? Math.floor(readFromMs / MS_PER_DAY) : -EVER_DAYS,
    toDay: Number.isFinite(readToMs) ? Math.ceil(readToMs / MS_PER_DAY) : EVER_DAYS,
  };
}

/** The events of one entity are a series too, read from its timeline. */
async function readEntity(context: Context, query: GapsQuery & { entity_id: string }, cells: GapCells): Promise<void> {
  const { scope } = cells;
  const series = seriesOf(cells, { entity_id: query.entity_id });
  const byEvent = query.basis === 'event';
  const bound = (ms: number, otherwise: typeof EVENT_TIME_START) =>
    timelineBound(query.entity_id, byEvent && Number.isFinite(ms) ? { epoch_ms: ms, sub_ms_ns: 0 } : otherwise);
  const range = {
    from: bound(scope.readFromMs, EVENT_TIME_START),
    to: bound(scope.readToMs, EVENT_TIME_END),
    asOfMs: Number.MAX_SAFE_INTEGER,
    limit: LIMITS.page_items_max,
  };
  for await (const row of readPages((cursor) => context.backend.index.listTimeline({ ...range, cursor }))) {
    if (row.entity_id !== query.entity_id || (query.source ?? row.source) !== row.source) continue;
    if ((query.event_type ?? row.event_type) !== row.event_type) continue;
    const timeMs = byEvent ? row.event_ms : row.received_ms;
    if (timeMs < scope.readFromMs || timeMs >= scope.readToMs || timeMs > scope.asOfMs) continue;
    const later = row.received_ms > scope.asOfMs || ((row.flags & 1) === 1 && !scope.includeImported);
    if (!later) addLag(series, row.received_ms - row.event_ms, row.received_ms);
    addInstant(cells, series, { timeMs, count: 1, later });
  }
}

async function modelAll(context: Context, cells: GapCells, question: GapQuestion): Promise<ModelledSeries[]> {
  const models: ModelledSeries[] = [];
  for (const one of cells.series.values()) {
    const model = await inTurns(context, modelSeries(one, question));
    if (model !== null) models.push(model);
  }
  return models;
}

/** Runs a computation to its end and yields to other work in between. */
async function inTurns<T>({ budget }: Context, steps: Steps<T>): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (budget.isDue()) await budget.turn();
  }
}

/** The series with ids of some of their outlying events. */
async function withExamples(
  context: Context,
  query: GapsQuery,
  { views, question }: { views: readonly SeriesView[]; question: GapQuestion },
): Promise<GapsReport['series']> {
  const looked = views
    .flatMap(({ view: { series }, apart }) => apart.map(({ window }) => ({ series, window })))
    .slice(0, APART_MAX);
  const gaps = looked.map(({ series, window }) => ({ series, lastGood: window, firstGood: window }));
  const neighbours = gaps.length === 0 ? [] : await findNeighbours(context, query, { gaps, asOfMs: question.asOfMs });
  const ids = new Map(
    looked.map(({ window }, i) => {
      const beside = neighbours[i];
      const found = [beside?.first?.event_id, beside?.last?.event_id].filter((id) => id !== undefined);
      return [window, [...new Set(found)]] as const;
    }),
  );
  return views.map(({ view, apart }) => ({
    ...view,
    apart: apart.map(({ view: life, window }) => ({ ...life, examples: [...(ids.get(window) ?? [])] })),
  }));
}

interface Found {
  readonly found: readonly GapInterval[];
  readonly series: readonly ModelledSeries[];
  readonly question: GapQuestion;
  readonly notes: string[];
}

/** Other types of the source only show if all of it was silent; they are not reported. */
function isAskedFor({ event_type }: GapSeries, query: GapsQuery): boolean {
  return query.event_type === undefined || event_type === undefined || event_type === query.event_type;
}

async function explained(context: Context, query: GapsQuery, { notes, ...gapsFound }: Found): Promise<Gap[]> {
  if (gapsFound.found.length > LIMITS.report_gap_causes_max) {
    notes.push(`causes were looked up for the first ${LIMITS.report_gap_causes_max} gaps of this page only`);
  }
  return explainGaps(context, query, gapsFound);
}
