import { type FailureGroup, type FailureWarning, formatEpochMs, packKey, sha256Hex } from '@pik/schema';

import type { CellRow } from '../../../ports/cell-row.ts';
import type { FailedKind, FailureRow, SliceRow } from '../../../ports/rows.ts';
import { wilsonLower } from '../../../statistics/statistics.ts';
import { failedWindow } from '../../../storage/rules/event-view.ts';
import type { SliceEntry } from '../../../storage/rules/slice-codec.ts';
import { groupOfCell, receiptsOf } from '../../rules/cell-scope.ts';
import { compareNames, createGroups, type Groups } from '../../rules/groups.ts';
import { type GroupName, groupOf, type ReportScope, timeGroup } from '../../rules/report-scope.ts';

/**
 * Confidence of the lower bound that ranks rates, in standard deviations. With the usual 1.96, a series with a single,
 * failed receipt would rank above one with 500 failures of 10,000.
 */
export const RANK_Z = 5;

/** Receipts shown of each group of equal failures. */
const SAMPLES = 5;

interface FailureTally {
  count: number;
  firstMs: number;
  lastMs: number;
  /** The latest failures, most recent first. */
  readonly samples: [FailureRow, ...FailureRow[]];
}

/** A failures report while being gathered. */
export interface FailureTallies {
  readonly scope: ReportScope;
  readonly found: Map<string, { name: GroupName; tally: FailureTally }>;
  /** Receipts by group: the denominator of rates. */
  readonly receipts: Groups<{ count: number }>;
  total: number;
  failures: number;
  /** Fingerprints with groups that the baseline has too; null without a baseline. */
  readonly before: Set<string> | null;
}

/** Creates an empty failures report. `scope` is by receive time. */
export function createFailureTallies(
  scope: ReportScope,
  options: { groupsMax: number; baseline: boolean },
): FailureTallies {
  return {
    scope,
    found: new Map(),
    receipts: createGroups(() => ({ count: 0 }), options.groupsMax),
    total: 0,
    failures: 0,
    before: options.baseline ? new Set() : null,
  };
}

/** Identifies equal failures: by stage, code and field; for windows also by metric. */
export function fingerprintOf({
  stage,
  code,
  path,
  window,
}: Pick<FailureRow, 'stage' | 'code' | 'path' | 'window'>): string {
  const named = window === null ? [stage, code, path] : [stage, code, path, window.metric];
  return sha256Hex(JSON.stringify(named)).slice(0, 16);
}

/** The group of a failure, without the dimensions that were unreadable. */
function failureGroup(row: FailureRow, { by, timeZone }: ReportScope): GroupName {
  const name: GroupName = {};
  for (const dimension of by) {
    if (dimension === 'source' || dimension === 'event_type') {
      if (row[dimension] !== null) name[dimension] = row[dimension];
    } else name[dimension] = timeGroup(dimension, row.received_ms, timeZone);
  }
  return name;
}

const keyOf = (row: FailureRow, name: GroupName) => `${fingerprintOf(row)} ${JSON.stringify(name)}`;

/** Adds a failure of the range. Returns false if that would create a group beyond `groupsMax`. */
export function addFailure(tallies: FailureTallies, row: FailureRow, groupsMax: number): boolean {
  tallies.failures += 1;
  const name = failureGroup(row, tallies.scope);
  // Slices already count the receipts of conflicts and processing failures.
  if (row.kind === 'REJECT') addReceipts(tallies, name, 1);
  const key = keyOf(row, name);
  const known = tallies.found.get(key)?.tally;
  if (known === undefined) {
    if (tallies.found.size >= groupsMax) return false;
    const { received_ms } = row;
    tallies.found.set(key, { name, tally: { count: 1, firstMs: received_ms, lastMs: received_ms, samples: [row] } });
    return true;
  }
  known.count += 1;
  known.firstMs = Math.min(known.firstMs, row.received_ms);
  known.lastMs = Math.max(known.lastMs, row.received_ms);
  addSample(known.samples, row);
  return true;
}

function addSample(samples: FailureRow[], row: FailureRow): void {
  const place = samples.findIndex((sample) => compareLatest(row, sample) < 0);
  if (place === -1) samples.push(row);
  else samples.splice(place, 0, row);
  if (samples.length > SAMPLES) samples.pop();
}

function compareLatest(a: FailureRow, b: FailureRow): number {
  if (a.received_ms !== b.received_ms) return b.received_ms - a.received_ms;
  // Ties are broken by content: addresses change each time the same records are imported.
  const [left, right] = [textOf(a), textOf(b)];
  if (left !== right) return left < right ? -1 : 1;
  if (a.pack_id !== b.pack_id) return a.pack_id > b.pack_id ? -1 : 1;
  return b.line - a.line;
}

const textOf = ({ event_id, detail }: FailureRow) => `${event_id} ${detail}`;

/** Adds a failure of the baseline: equal ones in the range are not new. */
export function addBaseline(tallies: FailureTallies, row: FailureRow): void {
  // Days and hours of the range differ from those of the baseline, so they are not compared.
  tallies.before?.add(keyOf(row, failureGroup(row, withoutTime(tallies.scope))));
}

function withoutTime(scope: ReportScope): ReportScope {
  return { ...scope, by: scope.by.filter((dimension) => dimension === 'source' || dimension === 'event_type') };
}

/** Adds the receipts of a slice that counts completely. */
export function addSliceReceipts(tallies: FailureTallies, slice: SliceRow): void {
  addReceipts(tallies, groupOf(slice, tallies.scope), slice.accepted + slice.duplicates + slice.conflicts);
}

/** Adds a cell that counts completely. */
export function addCellReceipts(tallies: FailureTallies, cell: CellRow): void {
  addReceipts(tallies, groupOfCell(cell, tallies.scope), receiptsOf(cell));
}

/** Adds one receipt of a partial slice. */
export function addEntryReceipt(tallies: FailureTallies, slice: SliceRow, entry: SliceEntry): void {
  addReceipts(tallies, groupOf(slice, tallies.scope, entry), 1);
}

function addReceipts(tallies: FailureTallies, name: GroupName, count: number): void {
  tallies.total += count;
  const group = tallies.receipts.of(name);
  if (group !== null) group.count += count;
}

/** Warnings of the range by text and series, each with its latest row. */
export type WarningTallies = Map<string, { row: FailureRow; receipts: number; firstMs: number; lastMs: number }>;

/** Adds a warning. Returns false if that would create a group beyond `groupsMax`. */
export function addWarning(warnings: WarningTallies, row: FailureRow, groupsMax: number): boolean {
  const { receipts = 1, received_ms } = row;
  const key = JSON.stringify([row.code, row.path, row.source, row.event_type]);
  const known = warnings.get(key);
  if (known === undefined) {
    if (warnings.size >= groupsMax) return false;
    warnings.set(key, { row, receipts, firstMs: received_ms, lastMs: received_ms });
    return true;
  }
  known.receipts += receipts;
  // The report shows the latest one.
  if (received_ms >= known.lastMs) known.row = row;
  known.firstMs = Math.min(known.firstMs, received_ms);
  known.lastMs = Math.max(known.lastMs, received_ms);
  return true;
}

/** Returns warnings as rows, most receipts first. */
export function warningViews(warnings: WarningTallies): FailureWarning[] {
  const sorted = [...warnings].sort(([a, one], [b, other]) => other.receipts - one.receipts || (a < b ? -1 : 1));
  return sorted.map(([, { row, receipts, firstMs, lastMs }]) => ({
    code: row.code,
    path: row.path,
    detail: row.detail,
    source: row.source,
    event_type: row.event_type,
    receipts,
    first_seen: formatEpochMs(firstMs),
    last_seen: formatEpochMs(lastMs),
    sample: { pack_id: row.pack_id, line: row.line, raw_key: packKey(row.pack_id), event_id: row.event_id },
  }));
}

/** Returns groups of equal failures as rows, the surest rate first. */
export function failureGroups(tallies: FailureTallies): FailureGroup[] {
  const receipts = new Map(tallies.receipts.entries().map(([name, { count }]) => [JSON.stringify(name), count]));
  const rows = [...tallies.found.values()].map(({ name, tally }) => {
    const known = isNamed(name, tallies.scope) ? receipts.get(JSON.stringify(name)) : tallies.total;
    return groupView(tallies, { name, tally, receipts: Math.max(known ?? 0, tally.count) });
  });
  return rows.sort(
    (a, b) =>
      b.share_low - a.share_low ||
      b.count - a.count ||
      compareNames([a.group, a.fingerprint], [b.group, b.fingerprint]),
  );
}

/** Whether all dimensions of the group are known. */
function isNamed(name: GroupName, { by }: ReportScope): boolean {
  return by.every((dimension) => name[dimension] !== undefined);
}

/** A failure without an event at fault has no sample, which would blame a receipt. */
function isSample({ kind, event_id }: FailureRow): boolean {
  return kind !== 'PROCESSING' || event_id !== null;
}

function groupView(
  { scope, before }: FailureTallies,
  { name, tally, receipts }: { name: GroupName; tally: FailureTally; receipts: number },
): FailureGroup {
  const { count, samples } = tally;
  const [row] = samples;
  const baseline = keyOf(row, failureGroup(row, withoutTime(scope)));
  return {
    fingerprint: fingerprintOf(row),
    // Warnings have a list of their own.
    kind: row.kind as FailedKind,
    stage: row.stage,
    code: row.code,
    path: row.path,
    detail: row.detail,
    group: name,
    count,
    receipts,
    share: count / receipts,
    share_low: wilsonLower(count, receipts, RANK_Z),
    first_seen: formatEpochMs(tally.firstMs),
    last_seen: formatEpochMs(tally.lastMs),
    is_new: before === null ? null : !before.has(baseline),
    samples: samples.filter(isSample).map(({ pack_id, line, received_ms, event_id }) => ({
      pack_id,
      line,
      raw_key: packKey(pack_id),
      received_at: formatEpochMs(received_ms),
      event_id,
    })),
    windows: samples.flatMap((one) => {
      const window = failedWindow(one);
      return window === null ? [] : [{ ...window, event_id: one.event_id }];
    }),
  };
}
