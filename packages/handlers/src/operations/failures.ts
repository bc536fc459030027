import { type FailuresReport, formatEpochMs, LIMITS } from '@pik/schema';

import {
  addBaseline,
  addEntryReceipt,
  addFailure,
  addSliceReceipts,
  addWarning,
  createFailureTallies,
  type FailureTallies,
  failureGroups,
  type WarningTallies,
  warningViews,
} from '../domain/failures-report.ts';
import { coverageOf, isInScope, rangeView, scopeOf } from '../domain/report-scope.ts';
import type { FailuresQuery } from '../pipeline.ts';
import { FAILURES_AND_WARNINGS } from '../ports/queries.ts';
import type { FailureKind, FailureRow } from '../ports/rows.ts';
import type { Context } from './context.ts';
import { readPages } from './pages.ts';
import { openReportPage } from './report-page.ts';
import {
  createReadLimits,
  GROUPS_FULL,
  type ReadLimits,
  readDays,
  readSlices,
  type SliceScope,
  sliceKey,
} from './report-slices.ts';
import { whyEmpty } from './why-empty.ts';

/** Before and after every receive time. */
const EVER_MS = 2 ** 47;

/**
 * What fails, of which series, how surely, and whether that is new. Failures come from their own rows, rates from slices.
 * Pages are of the ranked groups.
 *
 * @throws KitError `CURSOR_INVALID`.
 */
export async function failures(context: Context, query: FailuresQuery): Promise<FailuresReport> {
  const { cursor, groupsMax, ...question } = query;
  const page = openReportPage(context, cursor, { report: 'failures', ...question });
  // Failures include those of backfills, and so do the receipts that they are a share of.
  const scope = scopeOf({ ...query, basis: 'received', includeImported: true }, page.nowMs);
  const baseline = baselineOf(query);
  const tallies = createFailureTallies(scope, { groupsMax: LIMITS.report_groups_max, baseline: baseline !== null });
  const limits = createReadLimits();
  const series = { source: query.source, event_type: query.event_type };
  const reading = { series, asOfMs: scope.asOfMs, limits };
  const warnings: WarningTallies = new Map();
  let cut = false;
  const range = { fromMs: query.fromMs ?? -EVER_MS, toMs: query.toMs ?? EVER_MS, kinds: FAILURES_AND_WARNINGS };
  await readFailures(context, { ...reading, ...range }, (row) => {
    const isTaken =
      row.kind === 'WARNING'
        ? addWarning(warnings, row, LIMITS.report_warnings_max)
        : addFailure(tallies, row, LIMITS.report_groups_max);
    cut = !isTaken || cut;
  });
  if (baseline !== null) await readFailures(context, { ...reading, ...baseline }, (row) => addBaseline(tallies, row));
  await countReceipts(context, tallies, { slices: { scope, ...series }, limits });
  if (cut || tallies.receipts.full) limits.notes.push(GROUPS_FULL);
  const groups = failureGroups(tallies);
  const { items, next_cursor } = page.cut(groups, {
    itemsMax: groupsMax,
    nameOf: ({ fingerprint, group }) => [fingerprint, group],
  });
  return {
    range: rangeView(scope),
    ...(tallies.total === 0 && tallies.failures === 0 ? { empty: await whyEmpty(context, { scope, ...series }) } : {}),
    baseline: baseline && { start_time: formatEpochMs(baseline.fromMs), end_time: formatEpochMs(baseline.toMs) },
    receipts: tallies.total,
    failures: tallies.failures,
    groups: items,
    groups_total: groups.length,
    warnings: warningViews(warnings),
    next_cursor,
    partial: limits.notes.length > 0,
    notes: limits.notes,
  };
}

/** As long as the range, just before it, unless the caller says where it starts. */
function baselineOf({ fromMs, toMs, asOfMs, baselineFromMs }: FailuresQuery): { fromMs: number; toMs: number } | null {
  if (fromMs === null) return null;
  if (baselineFromMs !== null) return { fromMs: baselineFromMs, toMs: fromMs };
  const end = toMs ?? asOfMs;
  return end === null || end <= fromMs ? null : { fromMs: fromMs - (end - fromMs), toMs: fromMs };
}

interface Reading {
  readonly series: Omit<SliceScope, 'scope'>;
  readonly fromMs: number;
  readonly toMs: number;
  readonly asOfMs: number;
  readonly limits: ReadLimits;
  readonly kinds?: readonly FailureKind[];
}

async function readFailures(context: Context, reading: Reading, add: (row: FailureRow) => void): Promise<void> {
  const { series, fromMs, toMs, asOfMs, limits, kinds } = reading;
  const query = { fromMs, toMs: Math.min(toMs, asOfMs + 1), ...series, kinds, limit: LIMITS.page_items_max };
  if (query.toMs <= fromMs) return;
  let left: number = LIMITS.report_failures_max;
  for await (const row of readPages((cursor) => context.backend.index.listFailures({ ...query, cursor }))) {
    if (left-- === 0) {
      limits.notes.push(`only the latest ${LIMITS.report_failures_max} failures were read`);
      return;
    }
    add(row);
  }
}

async function countReceipts(
  context: Context,
  tallies: FailureTallies,
  { slices, limits }: { slices: SliceScope; limits: ReadLimits },
): Promise<void> {
  const parted = new Map<string, number>();
  for await (const slice of readSlices(context, slices, limits)) {
    const coverage = coverageOf(slice, slices.scope);
    if (coverage === 'all') addSliceReceipts(tallies, slice);
    else if (coverage === 'some') parted.set(sliceKey(slice), slice.event_day);
  }
  const days = new Set([...parted.values()].sort((a, b) => a - b));
  for await (const [slice, entries] of readDays(context, slices, { days, limits })) {
    if (!parted.has(sliceKey(slice))) continue;
    for (const entry of entries) if (isInScope(entry, slices.scope)) addEntryReceipt(tallies, slice, entry);
  }
}
