import { at, counted, LIMITS, MS_PER_DAY } from '@pik/schema';
import type { SliceRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { plainTime } from '../runtime/rules/plain-time.ts';
import type { SliceScope } from './report-slices.ts';
import { coverageOf, type ReportScope } from './rules/report-scope.ts';

/** Sources or types listed when the one asked for does not exist. */
const NAMED_MAX = 10;

/** A span of event days that contains all events. */
const EVER = { fromDay: -4_000_000, toDay: 4_000_000 };

/**
 * Returns a sentence that names the filter which left a report empty: the first one, in the order source, type, as-of,
 * range, imports, after which no slice remains. Reads at most `empty_answer_slices_max` slices and says so.
 */
export async function whyEmpty(context: Context, { scope, source, event_type }: SliceScope): Promise<string> {
  const filters = filtersOf({ scope, source, event_type });
  const left = filters.map(() => createTally());
  const all = createTally();
  let read = 0;
  let cut = '';
  for await (const slice of readPages((cursor) =>
    context.backend.index.listSlices({ ...EVER, withEntries: false, cursor }),
  )) {
    if (++read > LIMITS.empty_answer_slices_max) {
      cut = ` Only the first ${LIMITS.empty_answer_slices_max.toLocaleString('en-US')} slices were looked at.`;
      break;
    }
    add(all, slice);
    for (const [i, { passes }] of filters.entries()) {
      if (!passes(slice)) break;
      add(at(left, i), slice);
    }
  }
  if (all.receipts === 0) return 'The kit has no events yet.';
  const emptied = left.findIndex(({ receipts }) => receipts === 0);
  const filter = filters[emptied];
  // A slice passes all filters by its bounds, but none of its receipts does.
  if (filter === undefined) return `No receipt matches all filters exactly.${importsText(left, scope)}${cut}`;
  return filter.text(emptied === 0 ? all : at(left, emptied - 1)) + cut;
}

/** The receipts that pass a filter. */
interface Tally {
  receipts: number;
  readonly sources: Set<string>;
  readonly types: Set<string>;
  eventDayMin: number;
  eventDayMax: number;
  receivedMinMs: number;
  receivedMaxMs: number;
}

const createTally = (): Tally => ({
  receipts: 0,
  sources: new Set(),
  types: new Set(),
  eventDayMin: Number.POSITIVE_INFINITY,
  eventDayMax: Number.NEGATIVE_INFINITY,
  receivedMinMs: Number.POSITIVE_INFINITY,
  receivedMaxMs: Number.NEGATIVE_INFINITY,
});

function add(tally: Tally, slice: SliceRow): void {
  tally.receipts += slice.accepted + slice.duplicates + slice.conflicts;
  if (tally.sources.size <= NAMED_MAX) tally.sources.add(slice.source);
  if (tally.types.size <= NAMED_MAX) tally.types.add(slice.event_type);
  tally.eventDayMin = Math.min(tally.eventDayMin, slice.event_day);
  tally.eventDayMax = Math.max(tally.eventDayMax, slice.event_day);
  tally.receivedMinMs = Math.min(tally.receivedMinMs, slice.received_min_ms);
  tally.receivedMaxMs = Math.max(tally.receivedMaxMs, slice.received_max_ms);
}

interface Filter {
  passes(slice: SliceRow): boolean;
  /** The sentence for a filter that removes all receipts left by the filters before it. */
  text(before: Tally): string;
}

function filtersOf({ scope, source, event_type }: SliceScope): Filter[] {
  const ofSource = source === undefined ? '' : ` of source ${source}`;
  return [
    {
      passes: (slice) => source === undefined || slice.source === source,
      text: ({ sources }) => `No event has the source ${source}; there are ${named(sources)}.`,
    },
    {
      passes: (slice) => event_type === undefined || slice.event_type === event_type,
      text: ({ types }) => `No event${ofSource} has the type ${event_type}; there are ${named(types)}.`,
    },
    {
      passes: (slice) => slice.received_min_ms <= scope.asOfMs,
      text: ({ receivedMinMs }) =>
        `Nothing had been received by ${plainTime(scope.asOfMs)}; the first receipt was received at ${plainTime(receivedMinMs)}.`,
    },
    {
      passes: (slice) => coverageOf(slice, { ...scope, includeImported: true }) !== 'none',
      text: (before) => rangeText(before, scope),
    },
    {
      passes: (slice) => coverageOf(slice, scope) !== 'none',
      text: ({ receipts }) =>
        `Only imported receipts lie in the range (${receipts.toLocaleString('en-US')}), which count only with include_imported (--include-imported).`,
    },
  ];
}

/** Mentions imports in the range if other receipts pass all filters only by the bounds of their slices. */
function importsText(left: readonly Tally[], { includeImported }: ReportScope): string {
  const [inRange = 0, counting = 0] = left.slice(-2).map(({ receipts }) => receipts);
  if (includeImported || inRange === counting) return '';
  return ` ${counted(inRange - counting, 'imported receipt lies', 'imported receipts lie')} in the range or near it, and imports count only with include_imported (--include-imported).`;
}

function named(names: ReadonlySet<string>): string {
  const list = [...names].sort().slice(0, NAMED_MAX).join(', ');
  return names.size > NAMED_MAX ? `${list} and others` : list;
}

function rangeText(before: Tally, { basis, start_time, end_time }: ReportScope): string {
  const [first, last] =
    basis === 'event'
      ? [before.eventDayMin * MS_PER_DAY, (before.eventDayMax + 1) * MS_PER_DAY]
      : [before.receivedMinMs, before.receivedMaxMs + 1];
  const from = Number.isFinite(start_time) ? ` from ${plainTime(start_time)}` : '';
  const to = Number.isFinite(end_time) ? ` to ${plainTime(end_time)}` : '';
  const time = basis === 'event' ? 'event' : 'receive';
  return `None of ${counted(before.receipts, 'receipt')} lies in the range${from}${to} of ${time} time; they lie between ${plainTime(first)} and ${plainTime(last)}.`;
}
