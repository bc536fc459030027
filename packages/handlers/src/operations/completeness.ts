import { type CompletenessReport, LIMITS } from '@pik/schema';

import {
  addScannedDay,
  addWholeDay,
  completenessFigures,
  createCompletenessTallies,
} from '../domain/completeness-report.ts';
import { rangeView, scopeOf } from '../domain/report-scope.ts';
import type { CompletenessQuery } from '../pipeline.ts';
import type { Context } from './context.ts';
import { openReportPage } from './report-page.ts';
import { createReadLimits, readSlices, scanSlices, sliceKey } from './report-slices.ts';
import { whyEmpty } from './why-empty.ts';

/**
 * When the events of each day arrived, and what that says of days that are still open. By slices wherever these tell it.
 * Pages are of the days, series by series.
 *
 * @throws KitError `CURSOR_INVALID`.
 */
export async function completeness(context: Context, query: CompletenessQuery): Promise<CompletenessReport> {
  const { cursor, groupsMax, ...question } = query;
  const page = openReportPage(context, cursor, { report: 'completeness', ...question });
  const scope = scopeOf({ ...query, by: [], basis: 'event' }, page.nowMs);
  const tallies = createCompletenessTallies(scope, { by: query.by, daysMax: LIMITS.report_groups_max });
  const limits = createReadLimits();
  const series = { source: query.source, event_type: query.event_type };
  const parted = new Map<string, number>();
  for await (const slice of readSlices(context, { scope, ...series }, limits)) {
    if (!addWholeDay(tallies, slice)) parted.set(sliceKey(slice), slice.event_day);
  }
  for (const fromDay of new Set([...parted.values()].sort((a, b) => a - b))) {
    for await (const slice of scanSlices(context, series, { fromDay, toDay: fromDay + 1, limits })) {
      if (parted.has(sliceKey(slice))) addScannedDay(tallies, slice);
    }
  }
  if (tallies.full) limits.notes.push(`only ${LIMITS.report_groups_max} days of series were held`);
  const { curves, days } = completenessFigures(tallies, query.closedAfterMs);
  const { items, next_cursor } = page.cut(days, { itemsMax: groupsMax, nameOf: ({ series: of, day }) => [of, day] });
  return {
    range: rangeView(scope),
    ...(days.length === 0 ? { empty: await whyEmpty(context, { scope, ...series }) } : {}),
    closed_after_ms: query.closedAfterMs,
    curves,
    days: items,
    days_total: days.length,
    next_cursor,
    partial: limits.notes.length > 0,
    notes: limits.notes,
  };
}
