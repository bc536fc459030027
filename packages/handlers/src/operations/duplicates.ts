import type { DuplicatesReport } from '@pik/schema';

import { addReceipts, createDuplicatesTallies, duplicatesFigures } from '../domain/duplicates-report.ts';
import { coverageOf, rangeView, scopeOf } from '../domain/report-scope.ts';
import type { ReportQuery } from '../pipeline.ts';
import type { Context } from './context.ts';
import { createReadLimits, readDays, readSlices } from './report-slices.ts';

/** What came more than once? Counting entities takes the receipts themselves, so the bound on receipts holds here. */
export async function duplicates(context: Context, query: ReportQuery): Promise<DuplicatesReport> {
  const scope = scopeOf(query, context.backend.clock.now());
  const slices = { scope, source: query.source, event_type: query.event_type };
  const tallies = createDuplicatesTallies(scope, query.groupsMax);
  const limits = createReadLimits();
  const days = new Set<number>();
  for await (const slice of readSlices(context, slices, limits)) {
    if (coverageOf(slice, scope) !== 'none') days.add(slice.event_day);
  }
  for await (const [slice, entries] of readDays(context, slices, { days, limits }))
    addReceipts(tallies, slice, entries);
  if (tallies.groups.full) limits.notes.push(`only ${query.groupsMax} groups are told apart; the total covers all`);
  return {
    range: rangeView(scope),
    ...duplicatesFigures(tallies),
    partial: limits.notes.length > 0,
    notes: limits.notes,
  };
}
