import { setImmediate } from 'node:timers/promises';

import { formatEpochMs, type Gap, type GapsReport, LIMITS, MS_PER_DAY, timelineBound } from '@pik/schema';

import { createCalendar, GRAIN_MS, type Grain } from '../domain/calendar.ts';
import {
  addInstant,
  addScanned,
  addWhole,
  createGapCells,
  type GapCells,
  type GapScope,
  type GapSeries,
  noteReceived,
  seriesOf,
  windowsOf,
} from '../domain/gap-cells.ts';
import {
  FALSE_ALARMS_ALPHA,
  type GapInterval,
  type GapQuestion,
  gapsOf,
  type ModelledSeries,
  modelSeries,
  seriesView,
  testsOf,
} from '../domain/gaps.ts';
import { compareNames } from '../domain/groups.ts';
import { addTo } from '../domain/histogram.ts';
import type { ReportScope } from '../domain/report-scope.ts';
import type { GapsQuery } from '../pipeline.ts';
import type { Context } from './context.ts';
import { explainGaps } from './gap-causes.ts';
import { versionGaps } from './gap-versions.ts';
import { readPages } from './pages.ts';
import { openReportPage } from './report-page.ts';
import { createReadLimits, type ReadLimits, readSlices, scanSlices } from './report-slices.ts';
import { EVENT_TIME_END, EVENT_TIME_START } from './timeline.ts';
import { whyEmpty } from './why-empty.ts';

/** How far before and after the range a series is read, to learn what is usual and where its life begins and ends. */
const HISTORY_MS: Readonly<Record<Grain, number>> = {
  minute: 14 * MS_PER_DAY,
  hour: 56 * MS_PER_DAY,
  day: 366 * MS_PER_DAY,
};

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
  const series = modelAll(cells, question, { query, limits });
  const judged = series.filter(({ cells: { series } }) => isAskedFor(series, query));
  judged.sort((a, b) => compareNames(a.cells.series, b.cells.series));
  const tests = testsOf(judged, question);
  const found: GapInterval[] = [];
  for (const one of judged) {
    found.push(...gapsOf(one, question, tests));
    await setImmediate();
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
    ...(judged.length === 0 && query.entity_id === undefined
      ? { empty: await whyEmpty(context, { scope: emptyScope(query, question), ...seriesOfQuery(query) }) }
      : {}),
    grain: query.grain,
    time_zone: query.timeZone,
    cadence_ms: query.cadenceMs,
    false_alarms: { alpha: FALSE_ALARMS_ALPHA, tests, correction: 'bonferroni' },
    series: judged.map((one) => seriesView(one, question)),
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
    grain: query.grain,
    declaredMs: query.cadenceMs,
  };
}

function scopeOf(query: GapsQuery, { fromMs, toMs, asOfMs }: GapQuestion): GapScope {
  return {
    calendar: createCalendar(query.grain, query.timeZone),
    basis: query.basis,
    readFromMs: fromMs - HISTORY_MS[query.grain],
    readToMs: toMs + HISTORY_MS[query.grain],
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
    if (!later) {
      addTo(series.lag, row.received_ms - row.event_ms);
      noteReceived(series, row.received_ms);
    }
    addInstant(cells, series, { timeMs, count: 1, later });
  }
}

function modelAll(
  cells: GapCells,
  question: GapQuestion,
  { query, limits }: { query: GapsQuery; limits: ReadLimits },
): ModelledSeries[] {
  const { calendar } = cells.scope;
  const options = { windowsMax: LIMITS.report_windows_max, grainMs: GRAIN_MS[query.grain] };
  const models: ModelledSeries[] = [];
  for (const one of cells.series.values()) {
    // Without an event that counts, a series has no life in which something could be missing.
    if (one.firstMs > one.lastMs) continue;
    const { windows, cut } = windowsOf(one, calendar, options);
    if (cut) limits.notes.push(`only the last ${LIMITS.report_windows_max} windows of a series were looked at`);
    models.push(modelSeries(one, windows, question));
  }
  return models;
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
