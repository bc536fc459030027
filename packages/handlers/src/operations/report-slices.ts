import { LIMITS } from '@pik/schema';

import { coverageOf, eventDays, type ReportScope } from '../domain/report-scope.ts';
import { toRanges } from '../domain/sequences.ts';
import { decodeEntries, type SliceEntry } from '../domain/slice-codec.ts';
import type { SliceRow } from '../ports/rows.ts';
import type { Context } from './context.ts';
import { readPages } from './pages.ts';

/** Which slices a report reads. */
export interface SliceScope {
  readonly scope: ReportScope;
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
}

/** Said where a report met more groups than it tells apart. */
export const GROUPS_FULL = `only ${LIMITS.report_groups_max} groups are told apart; the total covers all`;

/** What a report could not read. */
export interface ReadLimits {
  readonly notes: string[];
  slicesLeft: number;
  eventsLeft: number;
  scansLeft: number;
}

/** The bounds of one report. */
export function createReadLimits(): ReadLimits {
  return {
    notes: [],
    slicesLeft: LIMITS.report_slices_max,
    eventsLeft: LIMITS.report_events_max,
    scansLeft: LIMITS.report_scanned_receipts_max,
  };
}

/** Slices of a report without their receipts, until the bound is met, which is noted. */
export async function* readSlices(
  context: Context,
  { scope, ...series }: SliceScope,
  limits: ReadLimits,
): AsyncGenerator<SliceRow> {
  const query = { ...eventDays(scope), ...series, withEntries: false };
  for await (const slice of readPages((cursor) => context.backend.index.listSlices({ ...query, cursor }))) {
    if (limits.slicesLeft-- <= 0) {
      note(limits, `only the first ${LIMITS.report_slices_max} slices of the range were read`);
      return;
    }
    yield slice;
  }
}

/** Slices of some event days with their receipts, until the bound is met, which is noted. */
export async function* readDays(
  context: Context,
  series: Omit<SliceScope, 'scope'>,
  options: { days: Iterable<number>; limits: ReadLimits },
): AsyncGenerator<[SliceRow, SliceEntry[]]> {
  for (const fromDay of options.days) {
    const query = { fromDay, toDay: fromDay + 1, ...series, withEntries: true };
    for await (const slice of readPages((cursor) => context.backend.index.listSlices({ ...query, cursor }))) {
      const entries = decodeEntries(slice.entries);
      options.limits.eventsLeft -= entries.length;
      if (options.limits.eventsLeft < 0) {
        note(options.limits, `only ${LIMITS.report_events_max} receipts were read one by one`);
        return;
      }
      yield [slice, entries];
    }
  }
}

/** Slices of a span of event days with their packed receipts, for a walk over these, until the bound is met. */
export async function* scanSlices(
  context: Context,
  series: Omit<SliceScope, 'scope'>,
  options: { fromDay: number; toDay: number; limits: ReadLimits },
): AsyncGenerator<SliceRow> {
  const { fromDay, toDay, limits } = options;
  const query = { fromDay, toDay, ...series, withEntries: true };
  for await (const slice of readPages((cursor) => context.backend.index.listSlices({ ...query, cursor }))) {
    limits.scansLeft -= slice.accepted + slice.duplicates + slice.conflicts;
    if (limits.scansLeft < 0) {
      note(limits, `only ${LIMITS.report_scanned_receipts_max} receipts of the range were looked at`);
      return;
    }
    yield slice;
  }
}

/** All slices of a report, each once: with its receipts until the bound on these is met, then without, which is noted. */
export async function* readWithReceipts(
  context: Context,
  { scope, ...series }: SliceScope,
  limits: ReadLimits,
): AsyncGenerator<SliceRow> {
  // By receive time any day may hold some of it: the days that do are looked for first, without their receipts.
  const spans = scope.basis === 'event' ? [eventDays(scope)] : await daysInScope(context, { scope, ...series }, limits);
  for (const { fromDay, toDay } of spans) {
    const page = (cursor: string | null) =>
      context.backend.index.listSlices({ fromDay, toDay, ...series, withEntries: limits.scansLeft > 0, cursor });
    for await (const slice of readPages(page)) {
      if (coverageOf(slice, scope) === 'none') continue;
      if (limits.slicesLeft-- <= 0) {
        note(limits, `only the first ${LIMITS.report_slices_max} slices of the range were read`);
        return;
      }
      limits.scansLeft -= slice.accepted + slice.duplicates + slice.conflicts;
      if (slice.entries.length === 0)
        note(limits, `only ${LIMITS.report_scanned_receipts_max} receipts of the range were looked at one by one`);
      yield slice;
    }
  }
}

async function daysInScope(context: Context, slices: SliceScope, limits: ReadLimits) {
  const days = new Set<number>();
  for await (const slice of readSlices(context, slices, { ...limits, notes: limits.notes })) {
    if (coverageOf(slice, slices.scope) !== 'none') days.add(slice.event_day);
  }
  return toRanges([...days]).map(([fromDay, last]) => ({ fromDay, toDay: last + 1 }));
}

function note(limits: ReadLimits, text: string): void {
  if (!limits.notes.includes(text)) limits.notes.push(text);
}

/** Tells two slices apart: one request, one series, one event day. */
export function sliceKey(slice: SliceRow): string {
  return `${slice.event_day}\u0000${slice.pack_id}\u0000${slice.source}\u0000${slice.event_type}`;
}
