import { setImmediate } from 'node:timers/promises';
import type { Aggregate } from '@pik/aggregates';
import type { GapsQuery } from '@pik/schema';
import {
  type Covered,
  counted,
  createWindows,
  formatEpochMs,
  type Gap,
  type GapFinding,
  type GapsReport,
  KitError,
  LIMITS,
  type TimeRange,
  type Window,
} from '@pik/schema';
import { type InputSource, unfoldedInputs } from '../../aggregates/input-source.ts';
import type { WindowInput } from '../../aggregates/rules/window-input.ts';
import type { VersionRow } from '../../ports/history-rows.ts';
import { aggregateOf, type Context } from '../../runtime/context.ts';
import { readPages } from '../../runtime/pages.ts';
import type { ReportPage } from '../report-page.ts';
import { readCursorParts } from '../report-part.ts';

/**
 * Returns the UNPROCESSED windows of a metric: they have events that the latest version lacks, or no version at all. The
 * range is required. Open windows, and windows with a version computed just now, do not count. One answer compares a
 * limited number of windows, or fewer if its budget ends first.
 */
export async function versionGaps(context: Context, query: GapsQuery, page: ReportPage): Promise<GapsReport> {
  const { metric = '', key, start_time, end_time } = query;
  const aggregate = aggregateOf(context, metric);
  if (key === undefined)
    throw new KitError('REQUEST_INVALID', 'key is required together with metric', { path: '/key' });
  if (!Number.isFinite(start_time) || !Number.isFinite(end_time))
    throw new KitError('REQUEST_INVALID', 'a metric takes a range with both ends', { path: '/start_time' });
  const asOfMs = query.as_of ?? page.nowMs;
  const part = partOf(page, { start_time, end_time: Math.min(end_time, asOfMs + 1) });
  const found = await compareWindows(context, { aggregate, key, ...part, asOfMs });
  const { untilMs } = found;
  const end = page.offset + query.limit;
  const next_cursor = page.cursorAt(
    end < found.gaps.length ? { offset: end, after: null } : null,
    () => found.gaps.map(({ state, start_time: from, end_time: to }) => [state, from, to]),
    {
      same: JSON.stringify([part.start_time, untilMs]),
      next: untilMs === null ? null : JSON.stringify([untilMs, null]),
    },
  );
  const ends = { start_time: formatEpochMs(start_time), end_time: formatEpochMs(end_time) };
  return {
    range: {
      ...ends,
      as_of: formatEpochMs(asOfMs),
      basis: 'event',
      include_imported: true,
      time_zone: query.time_zone,
    },
    covered:
      part.start_time === start_time && untilMs === null ? null : coveredOf(part.start_time, untilMs ?? end_time),
    grain: aggregate.window,
    time_zone: aggregate.time_zone,
    cadence_ms: null,
    false_alarms: { alpha: 0, spent: 0, covers: 'OUTAGE and PARTIAL', judged: 0 },
    series: [
      {
        series: { metric, key },
        model: 'VERSIONS',
        reason: null,
        text: 'versions: each window with events should have one that holds all of them',
        expects: null,
        blind_ms: null,
        skipped: null,
        windows: found.windows,
        empty: found.empty,
        first_time: ends.start_time,
        last_time: ends.end_time,
        usual_lag_ms: 0,
        silence: null,
        apart: [],
      },
    ],
    gaps: found.gaps.slice(page.offset, end),
    gaps_total: found.gaps.length,
    next_cursor,
    partial: found.notes.length > 0,
    notes: found.notes,
  };
}

/** The windows that an answer compares: their start, their end if an earlier page determined it, and the end of the range. */
interface VersionsPart extends TimeRange {
  readonly untilMs: number | null;
}

function partOf({ extra }: ReportPage, { start_time, end_time }: TimeRange): VersionsPart {
  if (extra === '') return { start_time, untilMs: null, end_time };
  const [from, until] = readCursorParts(extra);
  const isTime = (value: unknown): value is number =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= start_time && value <= end_time;
  if (!isTime(from) || (until !== null && !isTime(until))) throw new KitError('CURSOR_INVALID');
  return { start_time: from, untilMs: until, end_time };
}

function coveredOf(start_time: number, end_time: number): Covered {
  return { basis: 'event', start_time: formatEpochMs(start_time), end_time: formatEpochMs(end_time), divided_days: [] };
}

interface Compared {
  readonly gaps: Gap[];
  readonly notes: string[];
  /** Where the next answer continues; null if this one has the last window. */
  untilMs: number | null;
  windows: number;
  empty: number;
}

async function compareWindows(
  context: Context,
  question: VersionsPart & { aggregate: Aggregate; key: string; asOfMs: number },
): Promise<Compared> {
  const { aggregate, key, asOfMs, start_time, untilMs, end_time } = question;
  const latest = await latestVersions(context, { metric: aggregate.metric, key, asOfMs });
  const windows = createWindows(aggregate.window, aggregate.time_zone);
  const compared: Compared = { gaps: [], notes: [], untilMs: null, windows: 0, empty: 0 };
  for (let window = windows.at(start_time); window.start_ms < end_time; window = windows.at(window.end_ms)) {
    if (untilMs === null ? isEnough(context, compared) : window.start_ms >= untilMs) {
      compared.untilMs = window.start_ms;
      const until = formatEpochMs(window.start_ms);
      compared.notes.push(`the windows before ${until} were compared with their versions; the next page continues`);
      break;
    }
    compared.windows += 1;
    const known = latest.get(window.start_ms);
    const missed = await countMissed(await unfoldedInputs(context, { aggregate, key, window, asOfMs }), known);
    if (missed.inputs === 0) compared.empty += 1;
    const gap = gapOf(missed, known, { window, series: { metric: aggregate.metric, key } });
    if (gap !== null) addGap(compared.gaps, gap);
    await setImmediate();
  }
  return compared;
}

function isEnough({ budget }: Context, { windows }: Compared): boolean {
  return windows > 0 && (windows >= LIMITS.report_gap_versions_max || budget.spent() !== null);
}

interface Missed {
  inputs: number;
  /** Events that no version includes. */
  count: number;
  readonly first: WindowInput[];
}

const EVIDENCE_MAX = 5;

async function countMissed(source: InputSource, known: VersionRow | undefined): Promise<Missed> {
  const missed: Missed = { inputs: 0, count: 0, first: [] };
  for await (const part of source.parts()) {
    missed.inputs += part.length;
    for (const input of part) {
      if (known !== undefined && input.received_ms <= known.as_of_ms) continue;
      missed.count += 1;
      if (missed.first.length < EVIDENCE_MAX) missed.first.push(input);
    }
  }
  return missed;
}

function gapOf(
  missed: Missed,
  known: VersionRow | undefined,
  { window, series }: { window: Window; series: Gap['series'] },
): Gap | null {
  if (missed.count === 0) return null;
  const evidence = missed.first.map(({ event_id, pack_id, line }) => ({ event_id, pack_id, line }));
  const what =
    known === undefined ? 'it has no version' : `version ${known.version} is as of ${formatEpochMs(known.as_of_ms)}`;
  const text = `In the index but in no version: ${missed.count} of ${counted(missed.inputs, 'event')} of the window from ${formatEpochMs(window.start_ms)}; ${what}. A replay computes it.`;
  return {
    series,
    state: known === undefined ? 'MISSING' : 'PARTIAL',
    kind: null,
    text,
    start_time: formatEpochMs(window.start_ms),
    end_time: formatEpochMs(window.end_ms),
    windows: 1,
    count: missed.inputs - missed.count,
    expected: missed.inputs,
    cause: 'UNPROCESSED',
    findings: [{ code: 'UNPROCESSED', text, evidence, explains: explained(missed.count, missed.count) }],
    last_good: null,
    first_good: null,
  };
}

function explained(missing: number, by_this: number): NonNullable<GapFinding['explains']> {
  return { missing, by_this, share: by_this / missing };
}

/** Adjacent windows of one state are one gap, with the findings of each. */
function addGap(gaps: Gap[], gap: Gap): void {
  const before = gaps.at(-1);
  if (before?.end_time !== gap.start_time || before.state !== gap.state) {
    gaps.push(gap);
    return;
  }
  const missing = (before.expected ?? 0) - before.count + (gap.expected ?? 0) - gap.count;
  const findings = [...before.findings, ...gap.findings].map((finding) => {
    return { ...finding, explains: explained(missing, finding.explains?.by_this ?? 0) };
  });
  gaps[gaps.length - 1] = {
    ...before,
    end_time: gap.end_time,
    windows: before.windows + 1,
    count: before.count + gap.count,
    expected: (before.expected ?? 0) + (gap.expected ?? 0),
    findings,
  };
}

async function latestVersions(
  context: Context,
  { metric, key, asOfMs }: { metric: string; key: string; asOfMs: number },
): Promise<Map<number, VersionRow>> {
  const latest = new Map<number, VersionRow>();
  const query = { metric, key, limit: LIMITS.page_items_max };
  for await (const row of readPages((cursor) => context.backend.aggregates.listVersions({ ...query, cursor }))) {
    // In order of their numbers, so that the latest version remains.
    if (row.computed_ms <= asOfMs) latest.set(row.window_start_ms, row);
  }
  return latest;
}
