import { type DuplicatesReport, duplicatesQuestion, type EventView, LIMITS } from '@pik/schema';
import { answerQuestion } from '../../runtime/answer-question.ts';
import type { Context } from '../../runtime/context.ts';
import type { Ranked } from '../../statistics/top-ranked.ts';
import { eventView } from '../../storage/rules/event-view.ts';
import { closedQuery, openClosedCells, type Portion } from '../closed-cells.ts';
import { openReportPage } from '../report-page.ts';
import { coveredView, partNotes } from '../report-part.ts';
import { GROUPS_FULL, type PartReading, readWithReceipts, type SliceScope } from '../report-slices.ts';
import { coverageOfCell } from '../rules/cell-scope.ts';
import { rangeView, scopeOf } from '../rules/report-scope.ts';
import { whyEmpty } from '../why-empty.ts';
import {
  addCell,
  addReceipts,
  createDuplicatesTallies,
  type DuplicatesTallies,
  duplicatesFigures,
  nextWalk,
  walksNeeded,
} from './rules/duplicates-report.ts';

/**
 * Reports what was received more than once. Counting entities reads the identities of closed hours and days, and the packed receipts of all
 * other slices. Pages divide the
 * groups and, at the same time, the repeated events: a page may have some of one and none of the other.
 *
 * @throws KitError `CURSOR_INVALID`.
 */
export const duplicates = answerQuestion(duplicatesQuestion, async (context, query) => {
  const { cursor, limit, worst: worstMax, ...question } = query;
  const page = openReportPage(cursor, { report: 'duplicates', ...question });
  const scope = scopeOf(query, page.nowMs);
  const slices = { scope, source: query.source, event_type: query.event_type };
  const tallies = createDuplicatesTallies(scope, {
    groupsMax: LIMITS.report_groups_max * 2,
    // One more than a page has shows whether there are more.
    topMax: worstMax + 1,
    after: page.after,
  });
  const closed = await openClosedCells(context, {
    ...closedQuery(slices, page, (cell) => coverageOfCell(cell, scope)),
    needsIdentities: true,
  });
  const reading: PartReading = {
    part: page.part,
    closed,
    isFull: () => tallies.groups.size >= LIMITS.report_groups_max,
    walks: () => walksNeeded(tallies),
  };
  for await (const portion of readWithReceipts(context, slices, reading)) addPortion(tallies, portion);
  const isComplete = await walkAgain(context, tallies, { slices, reading });
  const notes = partNotes(page.part);
  if (!isComplete)
    notes.push('counting entities and repeated events exceeds the budget of one answer: these counts are lower bounds');
  if (tallies.groups.full) notes.push(GROUPS_FULL);
  if (tallies.hours.full) notes.push('storms were searched in the first half million hours of series only');
  const { groups, worst: ranked, ...figures } = duplicatesFigures(tallies);
  const worst = ranked.slice(0, worstMax);
  const end = Math.min(page.offset + limit, groups.length);
  const isLast = end === groups.length && worst.length === ranked.length;
  const next = isLast ? null : { offset: end, after: worst.at(-1) ?? page.after };
  const covered = coveredView(page.part, scope);
  return {
    range: rangeView(scope),
    covered,
    ...(figures.total === null && covered === null ? { empty: await whyEmpty(context, slices) } : {}),
    ...figures,
    groups: groups.slice(page.offset, end),
    groups_total: groups.length,
    worst: await repeated(context, worst),
    next_cursor: page.cursorAt(next, () => groups.map(({ group }) => group)),
    partial: notes.length > 0,
    notes,
  };
});

function addPortion(tallies: DuplicatesTallies, portion: Portion): void {
  if ('slice' in portion) addReceipts(tallies, portion.slice);
  else if (portion.identities !== null) addCell(tallies, portion.cell, portion.identities);
}

async function repeated(context: Context, worst: readonly Ranked[]): Promise<DuplicatesReport['worst']> {
  const rows = await context.backend.index.getEvents(worst.map(({ id }) => id));
  const viewOf = (i: number): EventView | null => (rows[i] == null ? null : eventView(rows[i]));
  return worst.map(({ id, rank }, i) => ({ event_id: id, repeats: rank, event: viewOf(i) }));
}

/** Walks again for repeated events beyond the memory limit of one walk. Returns false if the budget ends before the last walk. */
async function walkAgain(
  context: Context,
  tallies: DuplicatesTallies,
  { slices, reading }: { slices: SliceScope; reading: PartReading },
): Promise<boolean> {
  while (nextWalk(tallies)) {
    for await (const portion of readWithReceipts(context, slices, reading)) {
      if (context.budget.spent() !== null) {
        nextWalk(tallies);
        return false;
      }
      addPortion(tallies, portion);
    }
  }
  return true;
}
