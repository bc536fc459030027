import { type EventView, type LagReport, LIMITS } from '@pik/schema';

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
import { createReadLimits, readSlices, scanDays, sliceKey } from './report-slices.ts';

/** Events named as the worst unless the caller says otherwise. */
const WORST_EVENTS = 10;

/**
 * Where is data delayed? Figures come from histograms wherever a slice counts as a whole. What histograms do not hold comes
 * from one walk over the packed receipts, up to a bound: order, the parts of the lag, the worst events, and the slices of
 * which only a part counts.
 */
export async function lag(context: Context, query: LagQuery): Promise<LagReport> {
  const scope = scopeOf(query, context.backend.clock.now());
  const slices = { scope, source: query.source, event_type: query.event_type };
  const tallies = createLagTallies(scope, query.lateOverMs, query.groupsMax);
  const limits = createReadLimits();
  const parted = new Set<string>();
  const days = new Map<number, number>();
  for await (const slice of readSlices(context, slices, limits)) {
    if (!addSlice(tallies, slice)) parted.add(sliceKey(slice));
    if (slice.accepted === 0 || coverageOf(slice, scope) === 'none') continue;
    days.set(slice.event_day, (days.get(slice.event_day) ?? 0) + receiptsOf(slice));
  }
  const receipts = [...days.values()].reduce((sum, count) => sum + count, 0);
  const isWhole = receipts <= LIMITS.report_scanned_receipts_max;
  if (!isWhole)
    limits.notes.push(
      `the range has ${receipts} receipts, more than the ${LIMITS.report_scanned_receipts_max} that are looked at one by one: order, parts and worst events are of the first of them`,
    );
  const details = createDetailTallies({
    groupsMax: query.groupsMax,
    worstMax: query.worstMax ?? WORST_EVENTS,
  });
  for await (const slice of scanDays(context, slices, { days: days.keys(), limits }))
    addReceipts({ tallies, details, parted }, slice);
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

const receiptsOf = ({ accepted, duplicates, conflicts }: SliceRow) => accepted + duplicates + conflicts;

interface Walk {
  readonly tallies: LagTallies;
  readonly details: DetailTallies;
  /** Slices that histograms could not answer for. */
  readonly parted: ReadonlySet<string>;
}

function addReceipts({ tallies, details, parted }: Walk, slice: SliceRow): void {
  const { scope } = tallies;
  const coverage = coverageOf(slice, scope);
  if (coverage === 'none' || slice.accepted === 0) return;
  const isParted = parted.has(sliceKey(slice));
  const series = seriesNoOf(details, slice);
  const whole = coverage === 'all' ? detailGroup(details, groupOf(slice, scope)) : null;
  scanEntries(slice.entries, (entry) => {
    if (!isFirstInScope(entry, scope)) return;
    if (isParted) addArrival(tallies, slice, entry);
    const group = coverage === 'all' ? whole : detailGroup(details, groupOf(slice, scope, entry));
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
