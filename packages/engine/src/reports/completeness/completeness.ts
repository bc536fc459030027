import { completenessQuestion, LIMITS } from '@pik/schema';
import { answerQuestion } from '../../runtime/answer-question.ts';
import { closedQuery, openClosedCells } from '../closed-cells.ts';
import { openReportPage } from '../report-page.ts';
import { coveredView, partNotes } from '../report-part.ts';
import { takePortions } from '../report-slices.ts';
import { rangeView, scopeOf } from '../rules/report-scope.ts';
import { whyEmpty } from '../why-empty.ts';
import {
  addCompleteDay,
  addDayCell,
  addScannedDay,
  completenessFigures,
  coverageOfDay,
  createCompletenessTallies,
} from './rules/completeness-report.ts';

/**
 * Reports when the events of each day arrived, with a forecast for days that are still open. Uses slices without their
 * receipts where possible. Pages divide the days, series by series.
 *
 * @throws KitError `CURSOR_INVALID`.
 */
export const completeness = answerQuestion(completenessQuestion, async (context, query) => {
  const { cursor, limit, ...question } = query;
  const page = openReportPage(cursor, { report: 'completeness', ...question });
  const scope = scopeOf({ ...query, by: [], basis: 'event' }, page.nowMs);
  const tallies = createCompletenessTallies(scope, query.by);
  const slices = { scope, source: query.source, event_type: query.event_type };
  const closed = await openClosedCells(
    context,
    closedQuery(slices, page, (cell) => coverageOfDay(cell, scope)),
  );
  await takePortions(
    context,
    { slices, part: page.part, closed, isFull: () => tallies.days.size >= LIMITS.report_groups_max },
    {
      complete: (slice) => addCompleteDay(tallies, slice),
      scanned: (slice) => addScannedDay(tallies, slice),
      cell: (cell) => addDayCell(tallies, cell),
    },
  );
  const notes = partNotes(page.part);
  const { curves, days } = completenessFigures(tallies, query.closed_after_ms);
  const { items, next_cursor } = page.cut(days, { itemsMax: limit, nameOf: ({ series: of, day }) => [of, day] });
  const covered = coveredView(page.part, scope);
  return {
    range: rangeView(scope),
    covered,
    ...(days.length === 0 && covered === null ? { empty: await whyEmpty(context, slices) } : {}),
    closed_after_ms: query.closed_after_ms,
    curves,
    days: items,
    days_total: days.length,
    next_cursor,
    partial: notes.length > 0,
    notes,
  };
});
