import { setImmediate } from 'node:timers/promises';

import { formatEpochMs, type Gap, type GapsReport, LIMITS, MS_PER_DAY, timelineBound } from '@pik/schema';

import { ALPHA_OUTAGE, ALPHA_PARTIAL } from '../domain/cadence.ts';
import { createCalendar } from '../domain/calendar.ts';
import {
  addInstant,
  addLag,
  addScanned,
  addWhole,
  createGapCells,
  type GapCells,
  type GapScope,
  type GapSeries,
  seriesOf,
} from '../domain/gap-cells.ts';
import { type SeriesView, seriesView } from '../domain/gap-series.ts';
import {
  findGaps,
  type GapInterval,
  type GapQuestion,
  HISTORY_MS,
  judgedLives,
  type ModelledSeries,
  modelSeries,
} from '../domain/gaps.ts';
import { compareNames } from '../domain/groups.ts';
import type { ReportScope } from '../domain/report-scope.ts';
import type { Steps } from '../domain/steps.ts';
import type { GapsQuery } from '../pipeline.ts';
import type { Context } from './context.ts';
import { explainGaps } from './gap-causes.ts';
import { findNeighbours } from './gap-neighbours.ts';
import { versionGaps } from './gap-versions.ts';
import { readPages } from './pages.ts';
import { openReportPage } from './report-page.ts';
import { createReadLimits, type ReadLimits, readSlices, scanSlices } from './report-slices.ts';
import { EVENT_TIME_END, EVENT_TIME_START } from './timeline.ts';
import { whyEmpty } from './why-empty.ts';

/** Work is put aside after so many milliseconds, so that other requests are answered meanwhile. */
const SLICE_MS = 8;
/** Series whose events that lie apart are looked up. */
const APART_MAX = 20;
/** Probability that a report names anything by chance: more than its tests spend, as a reserve for what models do not hold. */
const FALSE_ALARMS_ALPHA = 0.01;

/**
 * Which windows are missing, by a calendar and not by the events that are there; and why. Pages are of the gaps; causes are
 * looked up for those of the page alone.
 *
 * @throws KitError `CURSOR_INVALID`, and what `versionGaps` throws.
 */
export async function gaps(context: Context, query: GapsQuery): Promise<GapsReport> {
  const { cursor, gapsMax, ...asked } = query;
  const page = openReportPage(context, cursor, { report: 'gaps', ...asked });
  if (query.metric !== undefined) return versionGaps(context, query, page);
  const asOfMs = query.asOfMs ?? page.nowMs;
  const question = questionOf(query, asOfMs);
  const limits = createReadLimits();
  const cells = createGapCells(scopeOf(query, question));
  if (query.entity_id === undefined) await readCells(context, query, { cells, limits });
  else await readEntity(context, { ...query, entity_id: query.entity_id }, { cells, limits });
  if (cells.full) limits.notes.push(`only ${LIMITS.report_windows_max} windows with events were held`);
  const series = await modelAll(cells, question);
  const told = series.filter(({ cells: { series } }) => isAskedFor(series, query));
  told.sort((a, b) => compareNames(a.cells.series, b.cells.series));
  const judged = judgedLives(told, question);
  const found: GapInterval[] = [];
  const views: SeriesView[] = [];
  for (const one of told) {
    // What was learned of a series is dropped with it: its windows are never held together with those of another.
    const findings = await inTurns(findGaps(one, question, judged));
    for (const gap of findings.gaps) found.push(gap);
    views.push(seriesView(findings, question));
  }
  // Stable: those of one start stay in the order of their series.
  found.sort((a, b) => a.start_ms - b.start_ms);
  const { items, next_cursor } = page.cut(found, {
    itemsMax: gapsMax,
    nameOf: ({ series: of, state, start_ms, end_ms }) => [of, state, start_ms, end_ms],
  });
  return {
    range: {
      start_time: textOf(question.fromMs),
      end_time: textOf(question.toMs),
      as_of: formatEpochMs(asOfMs),
      basis: query.basis,
      include_imported: query.includeImported,
      time_zone: query.timeZone,
    },
    ...(told.length === 0 && query.entity_id === undefined
      ? { empty: await whyEmpty(context, { scope: emptyScope(query, question), ...seriesOfQuery(query) }) }
      : {}),
    grain: query.grain,
    time_zone: query.timeZone,
    cadence_ms: query.cadenceMs,
    false_alarms: {
      alpha: FALSE_ALARMS_ALPHA,
      spent: judged === 0 ? 0 : ALPHA_OUTAGE + ALPHA_PARTIAL,
      covers: 'OUTAGE and PARTIAL',
      judged,
    },
    series: await withExamples(context, query, { views, question }),
    gaps: await explained(context, query, { found: items, series, question, limits }),
    gaps_total: found.length,
    next_cursor,
    partial: limits.notes.length > 0,
    notes: limits.notes,
  };
}

const textOf = (ms: number) => (Number.isFinite(ms) ? formatEpochMs(ms) : null);

const seriesOfQuery = ({ source, event_type }: GapsQuery) => ({ source, event_type });

function emptyScope({ includeImported }: GapsQuery, { fromMs, toMs, asOfMs, basis }: GapQuestion): ReportScope {
  return { fromMs, toMs, asOfMs, basis, by: [], includeImported };
}

function questionOf(query: GapsQuery, asOfMs: number): GapQuestion {
  return {
    fromMs: query.fromMs ?? Number.NEGATIVE_INFINITY,
    toMs: query.toMs ?? Number.POSITIVE_INFINITY,
    asOfMs,
    basis: query.basis,
    calendar: createCalendar(query.grain, query.timeZone),
    declaredMs: query.cadenceMs,
  };
}

/** Nothing after the range or the as-of is read: asked again later, the answer is the same. */
function scopeOf(query: GapsQuery, { fromMs, toMs, asOfMs, calendar }: GapQuestion): GapScope {
  return {
    calendar,
    basis: query.basis,
    readFromMs: fromMs - HISTORY_MS[query.grain],
    readToMs: Math.min(toMs, asOfMs + 1),
    asOfMs,
    includeImported: query.includeImported,
    by: query.by,
    cellsMax: LIMITS.report_windows_max,
  };
}

interface Reading {
  readonly cells: GapCells;
  readonly limits: ReadLimits;
}

/** All series of the source, whichever type was asked for: only then is it known whether the whole source was silent. */
async function readCells(context: Context, query: GapsQuery, { cells, limits }: Reading): Promise<void> {
  const { scope } = cells;
  const series = { source: query.source, event_type: query.by.length < 2 ? query.event_type : undefined };
  const days = daysOf(scope);
  if (query.basis === 'event') {
    for await (const slice of scanSlices(context, series, { ...days, limits })) addScanned(cells, slice);
    return;
  }
  const range = { fromMs: scope.readFromMs, toMs: scope.readToMs, asOfMs: scope.asOfMs, basis: 'received' } as const;
  const parted = new Set<number>();
  const slices = { scope: { ...range, by: [], includeImported: scope.includeImported }, ...series };
  for await (const slice of readSlices(context, slices, limits)) {
    if (!addWhole(cells, slice)) parted.add(slice.event_day);
  }
  for (const fromDay of [...parted].sort((a, b) => a - b)) {
    for await (const slice of scanSlices(context, series, { fromDay, toDay: fromDay + 1, limits })) {
      if (slice.received_min_ms !== slice.received_max_ms) addScanned(cells, slice);
    }
  }
}

const EVER_DAYS = 4_000_000;

function daysOf({ readFromMs, readToMs }: GapScope): { fromDay: number; toDay: number } {
  return {
    fromDay: Number.isFinite(readFromMs) ? Math.floor(readFromMs / MS_PER_DAY) : -EVER_DAYS,
    toDay: Number.isFinite(readToMs) ? Math.ceil(readToMs / MS_PER_DAY) : EVER_DAYS,
  };
}

/** One entity's events are a series too, read from its own timeline. */
async function readEntity(
  context: Context,
  query: GapsQuery & { entity_id: string },
  { cells, limits }: Reading,
): Promise<void> {
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
    if (--limits.eventsLeft < 0) {
      limits.notes.push(`only ${LIMITS.report_events_max} events of the entity were read`);
      return;
    }
    const timeMs = byEvent ? row.event_ms : row.received_ms;
    if (timeMs < scope.readFromMs || timeMs >= scope.readToMs || timeMs > scope.asOfMs) continue;
    const later = row.received_ms > scope.asOfMs || ((row.flags & 1) === 1 && !scope.includeImported);
    if (!later) addLag(series, row.received_ms - row.event_ms, row.received_ms);
    addInstant(cells, series, { timeMs, count: 1, later });
  }
}

async function modelAll(cells: GapCells, question: GapQuestion): Promise<ModelledSeries[]> {
  const models: ModelledSeries[] = [];
  for (const one of cells.series.values()) {
    const model = await inTurns(modelSeries(one, question));
    if (model !== null) models.push(model);
  }
  return models;
}

/** Runs a computation to its end, and lets others have their turn in between. */
async function inTurns<T>(steps: Steps<T>): Promise<T> {
  let since = performance.now();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (performance.now() - since < SLICE_MS) continue;
    await setImmediate();
    since = performance.now();
  }
}

/** The series with ids of some of the events that lie apart. */
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
  readonly limits: ReadLimits;
}

/** Other types of the source are read, so that it is known whether all of it was silent, but not told of. */
function isAskedFor({ event_type }: GapSeries, query: GapsQuery): boolean {
  return query.event_type === undefined || event_type === undefined || event_type === query.event_type;
}

async function explained(context: Context, query: GapsQuery, { limits, ...gapsFound }: Found): Promise<Gap[]> {
  if (gapsFound.found.length > LIMITS.report_gap_causes_max) {
    limits.notes.push(`causes were looked up for the first ${LIMITS.report_gap_causes_max} gaps of this page only`);
  }
  return explainGaps(context, query, gapsFound);
}
