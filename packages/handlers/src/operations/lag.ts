import type { EventView, LagReport } from '@pik/schema';

import { eventView } from '../domain/event-view.ts';
import {
  addDetail,
  createDetailTallies,
  type DetailTallies,
  detailGroup,
  isFirstInScope,
  lagDetails,
  seriesNoOf,
  worstOf,
} from '../domain/lag-details.ts';
import { addArrival, addSlice, createLagTallies, type LagTallies, lagFigures } from '../domain/lag-report.ts';
import { coverageOf, groupOf, rangeView, scopeOf } from '../domain/report-scope.ts';
import { scanEntries } from '../domain/slice-codec.ts';
import type { LagQuery } from '../pipeline.ts';
import type { SliceRow } from '../ports/rows.ts';
import type { Context } from './context.ts';
import { createReadLimits, readWithReceipts } from './report-slices.ts';

/** Events named as the worst unless the caller says otherwise. */
const WORST_EVENTS = 10;

/**
 * Where is data delayed? Figures come from histograms wherever a slice counts as a whole. What histograms do not hold comes
 * from the packed receipts, up to a bound: order, the parts of the lag, the worst events, and slices of which only a part
 * counts.
 */
export async function lag(context: Context, query: LagQuery): Promise<LagReport> {
  const scope = scopeOf(query, context.backend.clock.now());
  const slices = { scope, source: query.source, event_type: query.event_type };
  const tallies = createLagTallies(scope, query.lateOverMs, query.groupsMax);
  const details = createDetailTallies({ groupsMax: query.groupsMax, worstMax: query.worstMax ?? WORST_EVENTS });
  const limits = createReadLimits();
  let unread = 0;
  for await (const slice of readWithReceipts(context, slices, limits)) {
    if (slice.accepted === 0) continue;
    const isParted = !addSlice(tallies, slice);
    if (slice.entries.length === 0) unread += isParted ? 1 : 0;
    else addReceipts(tallies, details, { slice, isParted });
  }
  const isWhole = limits.scansLeft >= 0;
  if (unread > 0) limits.notes.push(`of ${unread} slices only a part counts, and they are left out of the figures`);
  if (tallies.groups.full) limits.notes.push(`only ${query.groupsMax} groups are told apart; the total covers all`);
  return {
    range: rangeView(scope),
    late_over_ms: query.lateOverMs,
    ...figures(tallies, details, isWhole),
    worst: await worstEvents(context, details),
    partial: limits.notes.length > 0,
    notes: limits.notes,
  };
}

function addReceipts(
  tallies: LagTallies,
  details: DetailTallies,
  { slice, isParted }: { slice: SliceRow; isParted: boolean },
): void {
  const { scope } = tallies;
  const isAll = coverageOf(slice, scope) === 'all';
  const series = seriesNoOf(details, slice);
  const whole = isAll ? detailGroup(details, groupOf(slice, scope)) : null;
  scanEntries(slice.entries, (entry) => {
    if (!isFirstInScope(entry, scope)) return;
    if (isParted) addArrival(tallies, slice, entry);
    const group = isAll ? whole : detailGroup(details, groupOf(slice, scope, entry));
    addDetail(details, entry, { slice, series, group });
  });
}

function figures(tallies: LagTallies, details: DetailTallies, isWhole: boolean) {
  const { total, groups } = lagFigures(tallies);
  const known = lagDetails(details);
  return {
    total,
    details: isWhole && total !== null ? known.total : null,
    groups: groups.map(({ group, figures: own, fault }) => {
      const found = known.of(group);
      const lowest = found?.lowest;
      const evidence = lowest ? [{ event_id: lowest.event_id, pack_id: lowest.pack_id, line: lowest.line }] : [];
      return {
        group,
        figures: own,
        details: isWhole ? (found?.details ?? null) : null,
        findings: fault === null ? [] : [{ ...fault, evidence }],
      };
    }),
  };
}

async function worstEvents(context: Context, details: DetailTallies): Promise<EventView[]> {
  const rows = await context.backend.index.getEvents(worstOf(details).map(({ event_id }) => event_id));
  return rows.flatMap((row) => (row === null ? [] : [eventView(row)]));
}
