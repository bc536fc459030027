import type { DuplicatesReport } from '@pik/schema';

import { addReceipts, createDuplicatesTallies, duplicatesFigures } from '../domain/duplicates-report.ts';
import { eventView } from '../domain/event-view.ts';
import { rangeView, scopeOf } from '../domain/report-scope.ts';
import type { ReportQuery } from '../pipeline.ts';
import type { Context } from './context.ts';
import { createReadLimits, readWithReceipts } from './report-slices.ts';

/** What came more than once? Counting entities takes the packed receipts, so the bound on these holds here. */
export async function duplicates(context: Context, query: ReportQuery): Promise<DuplicatesReport> {
  const scope = scopeOf(query, context.backend.clock.now());
  const slices = { scope, source: query.source, event_type: query.event_type };
  const tallies = createDuplicatesTallies(scope, query.groupsMax);
  const limits = createReadLimits();
  for await (const slice of readWithReceipts(context, slices, limits)) {
    if (slice.entries.length > 0) addReceipts(tallies, slice);
  }
  if (tallies.groups.full) limits.notes.push(`only ${query.groupsMax} groups are told apart; the total covers all`);
  if (tallies.hours.full) limits.notes.push('storms are looked for in the first half million hours of series only');
  const { worst, ...figures } = duplicatesFigures(tallies);
  const rows = await context.backend.index.getEvents(worst.map(({ event_id }) => event_id));
  return {
    range: rangeView(scope),
    ...figures,
    worst: worst.map((one, i) => ({ ...one, event: rows[i] == null ? null : eventView(rows[i]) })),
    partial: limits.notes.length > 0,
    notes: limits.notes,
  };
}
