import { type DuplicatesReport, formatEpochMs, greatestOf, leastOf, MS_PER_HOUR } from '@pik/schema';

import { receivedHoursOf } from '../../../cells/rules/cell-codec.ts';
import type { CellRow } from '../../../ports/cell-row.ts';
import { wilsonLower } from '../../../statistics/statistics.ts';

/** Receipts of a series in one hour of receipt. */
interface HourOfReceipts {
  readonly hour: number;
  receipts: number;
  repeats: number;
  /** Receive time of the first repeat. */
  firstMs: number;
  lastMs: number;
}

/** Receipts by series and hour of receipt. */
export interface ReceiptHours {
  readonly series: Map<string, { source: string; event_type: string; hours: Map<number, HourOfReceipts> }>;
  hours: number;
  full: boolean;
}

/** Fewer repeats are never a storm. */
const REPEATS_MIN = 20;
/** A series with fewer hours has no known usual share. */
const HOURS_MIN = 12;
/** The usual share leaves out the hours with most repeats, so that a storm does not count as usual. */
const LEFT_OUT_SHARE = 0.25;
/** Factor by which the odds of a repeat must have grown. */
const ODDS_FACTOR = 5;
/** Four standard deviations: one hour in thirty thousand by chance. */
const Z = 4;
/** Limit of hours of all series in memory. */
const HOURS_MAX = 500_000;

/** Creates an empty record. */
export function createReceiptHours(): ReceiptHours {
  return { series: new Map(), hours: 0, full: false };
}

/** Returns the hours of a series. */
export function hoursOf(all: ReceiptHours, { source, event_type }: { source: string; event_type: string }) {
  const key = JSON.stringify([source, event_type]);
  const known = all.series.get(key);
  if (known !== undefined) return known.hours;
  const hours = new Map<number, HourOfReceipts>();
  all.series.set(key, { source, event_type, hours });
  return hours;
}

/** Adds a receipt to the hours of its series. */
export function addToHour(
  all: ReceiptHours,
  hours: Map<number, HourOfReceipts>,
  { receivedMs, isRepeat }: { receivedMs: number; isRepeat: boolean },
): void {
  const known = hourAt(all, hours, Math.floor(receivedMs / MS_PER_HOUR));
  if (known === null) return;
  known.receipts += 1;
  if (!isRepeat) return;
  known.repeats += 1;
  if (receivedMs < known.firstMs) known.firstMs = receivedMs;
  if (receivedMs > known.lastMs) known.lastMs = receivedMs;
}

/** Adds the receipts of a cell to the hours of its series. */
export function addCellToHours(all: ReceiptHours, cell: CellRow): void {
  const hours = hoursOf(all, cell);
  for (const [hour, { receipts, repeats, repeated }] of receivedHoursOf(cell)) {
    const known = hourAt(all, hours, hour);
    if (known === null) continue;
    known.receipts += receipts;
    known.repeats += repeats;
    known.firstMs = Math.min(known.firstMs, repeated.minMs);
    known.lastMs = Math.max(known.lastMs, repeated.maxMs);
  }
}

/** Null beyond the limit of hours in memory. */
function hourAt(all: ReceiptHours, hours: Map<number, HourOfReceipts>, hour: number): HourOfReceipts | null {
  const known = hours.get(hour);
  if (known !== undefined) return known;
  if (all.hours >= HOURS_MAX) {
    all.full = true;
    return null;
  }
  all.hours += 1;
  const made = { hour, receipts: 0, repeats: 0, firstMs: Number.POSITIVE_INFINITY, lastMs: Number.NEGATIVE_INFINITY };
  hours.set(hour, made);
  return made;
}

type Storm = DuplicatesReport['storms'][number];

/** Finds hours with a share of repeats far above the series' usual, adjacent ones as one storm, in order of start. */
export function stormsOf({ series }: ReceiptHours): Storm[] {
  const storms = [...series.values()].flatMap(({ source, event_type, hours }) => {
    const sorted = [...hours.values()].sort((a, b) => a.hour - b.hour);
    if (sorted.length < HOURS_MIN) return [];
    const usual = usualShare(sorted);
    return runsOf(sorted.filter((hour) => isStormy(hour, usual))).map((run) =>
      stormView(run, { source, event_type, usual }),
    );
  });
  return storms.sort((a, b) => (a.start_time < b.start_time ? -1 : 1));
}

function usualShare(hours: readonly HourOfReceipts[]): number {
  const byShare = hours.toSorted((a, b) => a.repeats / a.receipts - b.repeats / b.receipts);
  const quiet = byShare.slice(0, Math.ceil(byShare.length * (1 - LEFT_OUT_SHARE)));
  const sum = quiet.reduce((all, { receipts, repeats }) => ({ n: all.n + receipts, r: all.r + repeats }), {
    n: 0,
    r: 0,
  });
  return (sum.r + 0.5) / (sum.n + 1);
}

function isStormy({ receipts, repeats }: HourOfReceipts, usual: number): boolean {
  if (repeats < REPEATS_MIN) return false;
  const low = wilsonLower(repeats, receipts, Z);
  return low * (1 - usual) > ODDS_FACTOR * usual * (1 - low);
}

function runsOf(hours: readonly HourOfReceipts[]): HourOfReceipts[][] {
  const runs: HourOfReceipts[][] = [];
  for (const hour of hours) {
    const run = runs.at(-1);
    if (run?.at(-1)?.hour === hour.hour - 1) run.push(hour);
    else runs.push([hour]);
  }
  return runs;
}

function stormView(
  run: readonly HourOfReceipts[],
  { source, event_type, usual }: { source: string; event_type: string; usual: number },
): Storm {
  const receipts = run.reduce((sum, hour) => sum + hour.receipts, 0);
  const repeats = run.reduce((sum, hour) => sum + hour.repeats, 0);
  return {
    source,
    event_type,
    start_time: formatEpochMs(leastOf(run.map(({ firstMs }) => firstMs))),
    end_time: formatEpochMs(greatestOf(run.map(({ lastMs }) => lastMs))),
    receipts,
    repeats,
    share: repeats / receipts,
    usual_share: usual,
  };
}
