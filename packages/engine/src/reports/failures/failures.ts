import {
  type Covered,
  type FailuresQuery,
  failuresQuestion,
  formatEpochMs,
  KitError,
  LIMITS,
  type TimeRange,
} from '@pik/schema';
import { FAILURES_AND_WARNINGS, type FailureQuery } from '../../ports/queries.ts';
import type { FailureRow } from '../../ports/rows.ts';
import { answerQuestion } from '../../runtime/answer-question.ts';
import type { Context } from '../../runtime/context.ts';
import { readPages } from '../../runtime/pages.ts';
import { plainTime } from '../../runtime/rules/plain-time.ts';
import { decodeEntries } from '../../storage/rules/slice-codec.ts';
import { closedQuery, openClosedCells } from '../closed-cells.ts';
import { openReportPage, type PartExtra, type ReportPage } from '../report-page.ts';
import { coveredView, partNotes, readCursorParts } from '../report-part.ts';
import { GROUPS_FULL, type SliceScope, takePortions } from '../report-slices.ts';
import { coverageOfCell } from '../rules/cell-scope.ts';
import { coverageOf, isInScope, rangeView, scopeOf } from '../rules/report-scope.ts';
import { whyEmpty } from '../why-empty.ts';
import {
  addBaseline,
  addCellReceipts,
  addEntryReceipt,
  addFailure,
  addSliceReceipts,
  addWarning,
  createFailureTallies,
  type FailureTallies,
  failureGroups,
  type WarningTallies,
  warningViews,
} from './rules/failures-report.ts';

/** Beyond every receive time, as a positive or negative number. */
const EVER_MS = 2 ** 47;

/** Share of the budget for the failures of the range and of the baseline; the rest is for receipts. */
const ROWS_SHARE = 0.5;
const BASELINE_SHARE = 0.65;

/**
 * Reports what fails, in which series, at which rate, and whether that is new. Failures come from their own rows, rates from
 * slices. Pages divide the ranked groups. If the budget ends first, an answer covers the earliest failures of the range; if
 * there are too many receipts, further pages count the remaining ones.
 *
 * @throws KitError `CURSOR_INVALID`.
 */
export const failures = answerQuestion(failuresQuestion, async (context, query) => {
  const { cursor, limit, ...question } = query;
  const page = openReportPage(cursor, { report: 'failures', ...question });
  // Failures include those of backfills, so the receipts that they are a share of do too.
  const asked = scopeOf({ ...query, basis: 'received', include_imported: true }, page.nowMs);
  const stretch = openStretch(page, asked);
  const baseline = baselineOf(query);
  const tallies = createFailureTallies(asked, { groupsMax: LIMITS.report_groups_max * 2, baseline: baseline !== null });
  const series = { source: query.source, event_type: query.event_type };
  const reading = { series, asOfMs: asked.asOfMs };
  const baselineNotes: string[] = [];
  const warnings: WarningTallies = new Map();
  if (stretch.withRows) stretch.end_time = await readRange(context, { tallies, warnings }, { ...reading, stretch });
  if (baseline !== null && stretch.withRows && !(await readBaseline(context, tallies, { ...reading, ...baseline })))
    baselineNotes.push(
      'the time before the range has more failures than one answer reads, so a failure may be wrongly marked as new',
    );
  const scope = { ...asked, start_time: stretch.start_time, end_time: stretch.end_time };
  await countReceipts(context, tallies, { slices: { scope, ...series }, page });
  const notes = [...stretchNotes(stretch, page), ...baselineNotes];
  if (tallies.receipts.full) notes.push(GROUPS_FULL);
  if (warnings.size === LIMITS.report_warnings_max)
    notes.push(`at most ${LIMITS.report_warnings_max} distinct warnings are listed`);
  const groups = failureGroups(tallies);
  const end = Math.min(page.offset + limit, groups.length);
  const next = end === groups.length ? null : { offset: end, after: null };
  const names = () => groups.map(({ fingerprint, group }) => [fingerprint, group]);
  const covered = stretchView(stretch);
  return {
    range: rangeView(asked),
    covered,
    receipts_covered: coveredView(page.part, scope),
    ...(tallies.total === 0 && tallies.failures === 0 && covered === null
      ? { empty: await whyEmpty(context, { scope, ...series }) }
      : {}),
    baseline: baseline && {
      start_time: formatEpochMs(baseline.start_time),
      end_time: formatEpochMs(baseline.end_time),
    },
    receipts: tallies.total,
    failures: tallies.failures,
    groups: groups.slice(page.offset, end),
    groups_total: groups.length,
    warnings: warningViews(warnings),
    next_cursor: page.cursorAt(next, names, nextStretch(stretch, page)),
    partial: notes.length > 0,
    notes,
  };
});

/** The receive times whose failures an answer counts. */
interface Stretch {
  readonly start_time: number;
  /** The end of the question, until the budget turns out to end earlier. */
  end_time: number;
  /** The range as it was asked for. */
  readonly asked: TimeRange;
  /** False on a page that counts further receipts of the same stretch: its failures were counted before. */
  readonly withRows: boolean;
}

function isBound(value: unknown): value is number | null {
  return value === null || (typeof value === 'number' && Number.isSafeInteger(value));
}

function openStretch({ extra }: ReportPage, { start_time, end_time }: TimeRange): Stretch {
  const asked = { start_time, end_time };
  if (extra === '') return { ...asked, asked, withRows: true };
  const [from, to, withRows, ...rest] = readCursorParts(extra);
  if (!isBound(from) || !isBound(to) || typeof withRows !== 'boolean' || rest.length > 0)
    throw new KitError('CURSOR_INVALID');
  return {
    start_time: from ?? start_time,
    end_time: to ?? end_time,
    asked,
    withRows,
  };
}

/** State for the next answer: further receipts of this stretch, else the next stretch, else none. */
function nextStretch({ start_time, end_time, asked, withRows }: Stretch, { part }: ReportPage): PartExtra {
  const bound = (ms: number) => (Number.isFinite(ms) ? ms : null);
  const end = end_time < asked.end_time ? end_time : null;
  const same = JSON.stringify([bound(start_time), end, withRows]);
  if (part.until != null) return { same, next: JSON.stringify([bound(start_time), end, false]) };
  return { same, next: end === null ? null : JSON.stringify([end, null, true]) };
}

function stretchView({ start_time, end_time, asked }: Stretch): Covered {
  if (start_time === asked.start_time && end_time === asked.end_time) return null;
  const text = (ms: number) => (Number.isFinite(ms) ? formatEpochMs(ms) : null);
  return { basis: 'received', start_time: text(start_time), end_time: text(end_time), divided_days: [] };
}

function stretchNotes({ end_time, asked }: Stretch, { part }: ReportPage): string[] {
  const rows = `the range has more failures than one answer counts: this page has those received before ${plainTime(end_time)}; the next page continues`;
  return [
    ...(end_time < asked.end_time ? [rows] : []),
    ...partNotes(part).map((text) => `receipts: ${text}; until then, rates are too high`),
  ];
}

/** The baseline: by default as long as the range and just before it. */
function baselineOf({ start_time, end_time, as_of, baseline_from }: FailuresQuery): TimeRange | null {
  if (!Number.isFinite(start_time)) return null;
  if (baseline_from !== undefined) return { start_time: baseline_from, end_time: start_time };
  const end = Number.isFinite(end_time) ? end_time : as_of;
  return end === undefined || end <= start_time
    ? null
    : { start_time: start_time - (end - start_time), end_time: start_time };
}

interface Reading {
  readonly series: Omit<SliceScope, 'scope'>;
  readonly asOfMs: number;
}

/** Counts the failures of a stretch, the earliest first. Returns the receive time up to which the budget reached. */
async function readRange(
  context: Context,
  { tallies, warnings }: { tallies: FailureTallies; warnings: WarningTallies },
  { stretch, ...reading }: Reading & { stretch: Stretch },
): Promise<number> {
  const { start_time, end_time } = stretch;
  const isKnown = end_time < stretch.asked.end_time;
  let latestMs = Number.NEGATIVE_INFINITY;
  for await (const row of failuresIn(context, {
    ...reading,
    start_time,
    end_time,
    oldestFirst: true,
    kinds: FAILURES_AND_WARNINGS,
  })) {
    // Failures of one receive time stay together, so that the next answer can start at a time.
    const isCut =
      !isKnown && row.received_ms > latestMs && latestMs > Number.NEGATIVE_INFINITY && isLate(context, tallies);
    if (isCut) return row.received_ms;
    latestMs = row.received_ms;
    if (row.kind === 'WARNING') addWarning(warnings, row, LIMITS.report_warnings_max);
    else addFailure(tallies, row, LIMITS.report_groups_max * 2);
  }
  return end_time;
}

function isLate({ budget }: Context, { found }: FailureTallies): boolean {
  return budget.used().share >= ROWS_SHARE || found.size >= LIMITS.report_groups_max;
}

/** Returns false if the budget ends before the baseline is read. */
async function readBaseline(
  context: Context,
  tallies: FailureTallies,
  { start_time, end_time, ...reading }: Reading & TimeRange,
): Promise<boolean> {
  for await (const row of failuresIn(context, { ...reading, start_time, end_time })) {
    if (context.budget.used().share >= BASELINE_SHARE) return false;
    addBaseline(tallies, row);
  }
  return true;
}

async function* failuresIn(
  { backend, budget }: Context,
  { series, asOfMs, start_time, end_time, ...order }: Reading & TimeRange & Pick<FailureQuery, 'oldestFirst' | 'kinds'>,
): AsyncGenerator<FailureRow> {
  const query = {
    fromMs: Math.max(start_time, -EVER_MS),
    toMs: Math.min(end_time, asOfMs + 1, EVER_MS),
    ...series,
    limit: LIMITS.page_items_max,
    ...order,
  };
  if (query.toMs > query.fromMs) yield* readPages((cursor) => backend.index.listFailures({ ...query, cursor }), budget);
}

async function countReceipts(
  context: Context,
  tallies: FailureTallies,
  { slices, page }: { slices: SliceScope; page: ReportPage },
): Promise<void> {
  const { scope } = slices;
  const closed = await openClosedCells(
    context,
    closedQuery(slices, page, (cell) => coverageOfCell(cell, scope)),
  );
  await takePortions(
    context,
    { slices, part: page.part, closed, isFull: () => tallies.receipts.size >= LIMITS.report_groups_max },
    {
      cell: (cell) => addCellReceipts(tallies, cell),
      complete(slice) {
        const coverage = coverageOf(slice, scope);
        if (coverage === 'all') addSliceReceipts(tallies, slice);
        return coverage !== 'some';
      },
      scanned(slice) {
        for (const entry of decodeEntries(slice.entries)) {
          if (isInScope(entry, scope)) addEntryReceipt(tallies, slice, entry);
        }
      },
    },
  );
}
