import { type DuplicatesReport, type EventView, LIMITS } from '@pik/schema';

import {
  addReceipts,
  createDuplicatesTallies,
  type DuplicatesTallies,
  duplicatesFigures,
  nextWalk,
} from '../domain/duplicates-report.ts';
import { eventView } from '../domain/event-view.ts';
import { rangeView, scopeOf } from '../domain/report-scope.ts';
import type { Ranked } from '../domain/top-ranked.ts';
import type { DuplicatesQuery } from '../pipeline.ts';
import type { Context } from './context.ts';
import { openReportPage } from './report-page.ts';
import { createReadLimits, GROUPS_FULL, type ReadLimits, readWithReceipts, type SliceScope } from './report-slices.ts';
import { whyEmpty } from './why-empty.ts';

/** Repeated events of one page unless the caller says otherwise. */
const WORST_EVENTS = 10;

/**
 * What came more than once? Counting entities takes the packed receipts, so the bound on these holds here. Pages are of the
 * groups, and at the same time of the repeated events: a page may have some of one and none of the other.
 *
 * @throws KitError `CURSOR_INVALID`.
 */
export async function duplicates(context: Context, query: DuplicatesQuery): Promise<DuplicatesReport> {
  const { cursor, groupsMax, worstMax = WORST_EVENTS, ...question } = query;
  const page = openReportPage(context, cursor, { report: 'duplicates', ...question });
  const scope = scopeOf(query, page.nowMs);
  const slices = { scope, source: query.source, event_type: query.event_type };
  const tallies = createDuplicatesTallies(scope, {
    groupsMax: LIMITS.report_groups_max,
    // One more than are named says whether there are more.
    topMax: worstMax + 1,
    after: page.after,
  });
  const limits = createReadLimits();
  await walk(context, tallies, { slices, limits });
  // What is held is bounded, so of very many repeated events only some are counted in one walk.
  while (nextWalk(tallies)) await walk(context, tallies, { slices, limits: createReadLimits() });
  if (tallies.groups.full) limits.notes.push(GROUPS_FULL);
  if (tallies.hours.full) limits.notes.push('storms are looked for in the first half million hours of series only');
  const { groups, worst: ranked, ...figures } = duplicatesFigures(tallies);
  const worst = ranked.slice(0, worstMax);
  const end = Math.min(page.offset + groupsMax, groups.length);
  const isLast = end === groups.length && worst.length === ranked.length;
  const next = isLast ? null : { offset: end, after: worst.at(-1) ?? page.after };
  return {
    range: rangeView(scope),
    ...(figures.total === null ? { empty: await whyEmpty(context, slices) } : {}),
    ...figures,
    groups: groups.slice(page.offset, end),
    groups_total: groups.length,
    worst: await repeated(context, worst),
    next_cursor: page.cursorAt(next, () => groups.map(({ group }) => group)),
    partial: limits.notes.length > 0,
    notes: limits.notes,
  };
}

async function repeated(context: Context, worst: readonly Ranked[]): Promise<DuplicatesReport['worst']> {
  const rows = await context.backend.index.getEvents(worst.map(({ id }) => id));
  const viewOf = (i: number): EventView | null => (rows[i] == null ? null : eventView(rows[i]));
  return worst.map(({ id, rank }, i) => ({ event_id: id, repeats: rank, event: viewOf(i) }));
}

async function walk(
  context: Context,
  tallies: DuplicatesTallies,
  { slices, limits }: { slices: SliceScope; limits: ReadLimits },
): Promise<void> {
  for await (const slice of readWithReceipts(context, slices, limits)) {
    if (slice.entries.length > 0) addReceipts(tallies, slice);
  }
}
