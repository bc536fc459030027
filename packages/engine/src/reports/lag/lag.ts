import { type EventView, LIMITS, lagQuestion } from '@pik/schema';
import { CELL_WORST_MAX } from '../../cells/rules/cell.ts';
import type { CellRow } from '../../ports/cell-row.ts';
import type { CellSource } from '../../ports/closed-hours.ts';
import type { SliceRow } from '../../ports/rows.ts';
import { answerQuestion } from '../../runtime/answer-question.ts';
import type { Context } from '../../runtime/context.ts';
import { type ClockStep, stepNote, stepsWithin } from '../../runtime/rules/clock-steps.ts';
import { eventView } from '../../storage/rules/event-view.ts';
import { scanEntries } from '../../storage/rules/slice-codec.ts';
import { type ClosedCells, closedQuery, openClosedCells } from '../closed-cells.ts';
import { openReportPage, type ReportPage } from '../report-page.ts';
import { coveredView, partNotes } from '../report-part.ts';
import { GROUPS_FULL, type PartReading, readWithReceipts, type SliceScope } from '../report-slices.ts';
import { groupOfCell } from '../rules/cell-scope.ts';
import { coverageOf, groupOf, type ReportScope, rangeView, scopeOf } from '../rules/report-scope.ts';
import { whyEmpty } from '../why-empty.ts';
import { type ClosedOrder, createClosedOrder } from './closed-order.ts';
import { clockFindings } from './rules/clock-faults.ts';
import {
  addDetail,
  addDetailCell,
  createDetailTallies,
  type DetailTallies,
  detailGroup,
  isFirstInScope,
  lagDetails,
  seriesNoOf,
} from './rules/lag-details.ts';
import {
  addArrival,
  addLagCell,
  addSlice,
  coverageOfLags,
  createLagTallies,
  type LagTallies,
  lagFigures,
} from './rules/lag-report.ts';

/** Walks planned for if one is not enough: the later ones are mostly shorter. */
const WALKS = 3;

/**
 * Reports where data is delayed. Figures come from the cells of closed hours, and from histograms for slices that count completely. The packed receipts give
 * what histograms lack: order, the parts of the lag, the worst events, and partial slices. Every page of groups has the
 * figures of all events and the worst events.
 *
 * @throws KitError `CURSOR_INVALID`.
 */
export const lag = answerQuestion(lagQuestion, async (context, query) => {
  const { cursor, limit, late_over_ms, ...question } = query;
  const page = openReportPage(cursor, { report: 'lag', late_over_ms, ...question });
  const scope = scopeOf(query, page.nowMs);
  const slices = { scope, source: query.source, event_type: query.event_type };
  // The part ends when it has as many groups as one answer holds.
  const tallies = createLagTallies(scope, late_over_ms, LIMITS.report_groups_max * 2);
  const details = createDetailTallies({
    groupsMax: LIMITS.report_groups_max * 2,
    worstMax: query.worst,
  });
  const order = createClosedOrder(scope, details);
  const reading: PartReading = {
    part: page.part,
    closed: query.worst > CELL_WORST_MAX ? null : await openClosed(context, { tallies, slices, page, order }),
    isFull: () => tallies.groups.size >= LIMITS.report_groups_max,
    walks: () => (details.arrivals.needsMore ? WALKS : 1),
  };
  for await (const portion of readWithReceipts(context, slices, reading)) {
    if ('cell' in portion) addClosed(tallies, details, { ...portion, order });
    else if (portion.slice.accepted > 0) addReceipts(tallies, details, portion.slice);
  }
  const isOrdered = await countOrder(context, tallies, { details, slices, reading, order });
  const notes = partNotes(page.part);
  if (!isOrdered) notes.push('counting events out of order, and with it the details, exceeds the limits of one answer');
  if (tallies.groups.full) notes.push(GROUPS_FULL);
  const steps = await stepsOf(context, scope);
  for (const step of steps) notes.push(stepNote(step));
  const covered = coveredView(page.part, scope);
  const found = figures({ tallies, details, isOrdered, steps }, page, limit);
  return {
    range: rangeView(scope),
    covered,
    ...(found.total === null && covered === null ? { empty: await whyEmpty(context, slices) } : {}),
    late_over_ms,
    ...found,
    worst: await worstEvents(context, details),
    partial: notes.length > steps.length,
    notes,
  };
});

/** Steps of the server's clock that may affect the receive times in the report. */
async function stepsOf(context: Context, { basis, start_time, end_time, asOfMs }: ReportScope): Promise<ClockStep[]> {
  const steps = await context.watch.steps();
  if (basis === 'event') return stepsWithin(steps, Number.NEGATIVE_INFINITY, asOfMs + 1);
  return stepsWithin(steps, start_time, Math.min(end_time, asOfMs + 1));
}

interface Closed {
  readonly tallies: LagTallies;
  readonly slices: SliceScope;
  readonly page: ReportPage;
  readonly order: ClosedOrder;
}

/** The closed hours of the report. Cells name ten of the worst events: more of them are found in slices. */
function openClosed(context: Context, { tallies, slices, page, order }: Closed): Promise<ClosedCells | null> {
  const query = closedQuery(slices, page, (cell) => coverageOfLags(cell, tallies));
  return openClosedCells(context, { ...query, needsOrder: true, onCells: order.open });
}

function addClosed(
  tallies: LagTallies,
  details: DetailTallies,
  { cell, of, order }: { cell: CellRow; of: CellSource; order: ClosedOrder },
): void {
  addLagCell(tallies, cell);
  const group = detailGroup(details, groupOfCell(cell, tallies.scope));
  addDetailCell(details, cell, group);
  order.add(of, cell, group?.no ?? 0);
}

function addReceipts(tallies: LagTallies, details: DetailTallies, slice: SliceRow): void {
  const isPartial = !addSlice(tallies, slice);
  const { scope } = tallies;
  const isAll = coverageOf(slice, scope) === 'all';
  const series = seriesNoOf(details, slice);
  const sliceGroup = isAll ? detailGroup(details, groupOf(slice, scope)) : null;
  scanEntries(slice.entries, (entry) => {
    if (!isFirstInScope(entry, scope)) return;
    if (isPartial) addArrival(tallies, slice, entry);
    const group = isAll ? sliceGroup : detailGroup(details, groupOf(slice, scope, entry));
    addDetail(details, entry, { slice, series, group });
  });
}

/**
 * Counts arrivals out of order in bounded memory: of very many arrivals, one walk counts only those received first. Returns
 * false if the budget ends before the last walk.
 */
async function countOrder(
  context: Context,
  tallies: LagTallies,
  { details, slices, reading, order }: Walks,
): Promise<boolean> {
  order.count();
  if (!(await order.clear(context))) return false;
  while (details.arrivals.next()) {
    for await (const portion of readWithReceipts(context, slices, reading)) {
      if (context.budget.spent() !== null) return false;
      if (!('slice' in portion)) continue;
      const { slice } = portion;
      const isDue = details.arrivals.wants(slice.received_min_ms, slice.received_max_ms);
      if (isDue && slice.accepted > 0 && slice.entries.length > 0) addOrder(tallies, details, slice);
    }
    if (!(await order.again(context)) || !(await order.clear(context))) return false;
  }
  return true;
}

interface Walks {
  readonly details: DetailTallies;
  readonly slices: SliceScope;
  readonly reading: PartReading;
  readonly order: ClosedOrder;
}

function addOrder({ scope }: LagTallies, details: DetailTallies, slice: SliceRow): void {
  const series = seriesNoOf(details, slice);
  const isAll = coverageOf(slice, scope) === 'all';
  const sliceGroup = isAll ? detailGroup(details, groupOf(slice, scope)) : null;
  scanEntries(slice.entries, (entry) => {
    if (!isFirstInScope(entry, scope)) return;
    const group = isAll ? sliceGroup : detailGroup(details, groupOf(slice, scope, entry));
    details.arrivals.add(entry, { series, group: group?.no ?? 0 });
  });
}

interface Gathered {
  readonly tallies: LagTallies;
  readonly details: DetailTallies;
  readonly isOrdered: boolean;
  readonly steps: readonly ClockStep[];
}

function figures({ tallies, details, isOrdered, steps }: Gathered, page: ReportPage, groupsMax: number) {
  const { total, groups } = lagFigures(tallies);
  const known = lagDetails(details);
  const { items, next_cursor } = page.cut(groups, { itemsMax: groupsMax, nameOf: ({ group }) => group });
  return {
    total,
    details: isOrdered && total !== null ? known.total : null,
    groups_total: groups.length,
    next_cursor,
    groups: items.map(({ group, figures: own, clocks }) => {
      const found = known.of(group);
      return {
        group,
        figures: own,
        details: isOrdered ? (found?.details ?? null) : null,
        findings: clockFindings({
          ...clocks,
          serverWasBehind: steps.some(({ before_ms, after_ms }) => before_ms < after_ms),
        }).map(({ shownBy, ...finding }) => {
          const at = found?.[shownBy];
          return { ...finding, evidence: at ? [{ event_id: at.event_id, pack_id: at.pack_id, line: at.line }] : [] };
        }),
      };
    }),
  };
}

async function worstEvents(context: Context, details: DetailTallies): Promise<EventView[]> {
  const rows = await context.backend.index.getEvents(details.worst.items().map(({ id }) => id));
  return rows.flatMap((row) => (row === null ? [] : [eventView(row)]));
}
