import type { EventView, LagReport } from '@pik/schema';

import { eventView } from '../domain/event-view.ts';
import { decodeHistogram } from '../domain/histogram.ts';
import { addEntries, addSlice, createLagTallies, lagFigures } from '../domain/lag-report.ts';
import { coverageOf, isInScope, rangeView, scopeOf } from '../domain/report-scope.ts';
import type { SliceEntry } from '../domain/slice-codec.ts';
import type { LagQuery } from '../pipeline.ts';
import type { SliceRow } from '../ports/rows.ts';
import type { Context } from './context.ts';
import { createReadLimits, type ReadLimits, readDays, readSlices, type SliceScope, sliceKey } from './report-slices.ts';

/** Events named as the worst. */
const WORST_EVENTS = 10;

/**
 * Where is data delayed? From histograms wherever a slice counts as a whole; receipts are read one by one only for the
 * event days on which some slice does not.
 */
export async function lag(context: Context, query: LagQuery): Promise<LagReport> {
  const scope = scopeOf(query, context.backend.clock.now());
  const slices = { scope, source: query.source, event_type: query.event_type };
  const tallies = createLagTallies(scope, query.lateOverMs, query.groupsMax);
  const limits = createReadLimits();
  const parted = new Map<string, number>();
  const worst = createWorstSlices();
  for await (const slice of readSlices(context, slices, limits)) {
    if (!addSlice(tallies, slice)) parted.set(sliceKey(slice), slice.event_day);
    if (slice.accepted > 0 && coverageOf(slice, scope) !== 'none') worst.offer(slice);
  }
  const days = new Set([...parted.values()].sort((a, b) => a - b));
  for await (const [slice, entries] of readDays(context, slices, { days, limits })) {
    if (parted.has(sliceKey(slice))) addEntries(tallies, slice, entries);
  }
  if (tallies.groups.full) limits.notes.push(`only ${query.groupsMax} groups are told apart; the total covers all`);
  return {
    range: rangeView(scope),
    late_over_ms: query.lateOverMs,
    ...lagFigures(tallies),
    worst: await worstEvents(context, slices, { slices: worst.slices, limits }),
    partial: limits.notes.length > 0,
    notes: limits.notes,
  };
}

/** The slices with the largest lags. The n worst events lie in the n slices with the largest maximum. */
function createWorstSlices() {
  const slices: { slice: SliceRow; max: number }[] = [];
  return {
    slices,
    offer(slice: SliceRow) {
      const { max } = decodeHistogram(slice.lag);
      if (slices.length === WORST_EVENTS && max <= (slices.at(-1)?.max ?? 0)) return;
      slices.push({ slice, max });
      slices.sort((a, b) => b.max - a.max);
      slices.length = Math.min(slices.length, WORST_EVENTS);
    },
  };
}

async function worstEvents(
  context: Context,
  scope: SliceScope,
  options: { slices: readonly { slice: SliceRow }[]; limits: ReadLimits },
): Promise<EventView[]> {
  const keys = new Set(options.slices.map(({ slice }) => sliceKey(slice)));
  const days = new Set(options.slices.map(({ slice }) => slice.event_day));
  const found: SliceEntry[] = [];
  for await (const [slice, entries] of readDays(context, scope, { days, limits: options.limits })) {
    if (!keys.has(sliceKey(slice))) continue;
    found.push(...entries.filter((entry) => entry.outcome === 'ACCEPTED' && isInScope(entry, scope.scope)));
    found.sort((a, b) => b.received_ms - b.event_ms - (a.received_ms - a.event_ms));
    found.length = Math.min(found.length, WORST_EVENTS);
  }
  const rows = await Promise.all(found.map(({ event_id }) => context.backend.index.getEvent(event_id)));
  return rows.flatMap((row) => (row === null ? [] : [eventView(row)]));
}
