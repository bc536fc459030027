// The judgements of the first page: which cell is red, and why, in words. Pure, so that a test can name each threshold.
import type { ReportOf } from '@pik/schema';
import { counted, durationText } from '@pik/schema/words';

import { shareText } from '../parts/words.ts';

/** A judged cell: how it looks, its value, and the reason. */
export interface Verdict {
  readonly look: 'plain' | 'warn' | 'bad';
  readonly value: string;
  readonly why: string | null;
}

type LagGroup = ReportOf<'lag'>['groups'][number];
type GapSeries = ReportOf<'gaps'>['series'][number];
type Gap = ReportOf<'gaps'>['gaps'][number];
type Figures = ReportOf<'duplicates'>['groups'][number]['figures'];
type Day = ReportOf<'completeness'>['days'][number];

const DAY_MS = 86_400_000;

/** Shares from which a cell is marked. */
export const THRESHOLDS = {
  late_warn: 0.01,
  late_bad: 0.1,
  rejected_bad: 0.01,
  repeat_warn: 0.05,
  complete_bad: 0.8,
} as const;

const plain = (value: string, why: string | null = null): Verdict => ({ look: 'plain', value, why });
const warn = (value: string, why: string): Verdict => ({ look: 'warn', value, why });
const bad = (value: string, why: string): Verdict => ({ look: 'bad', value, why });
/** A cell without an answer. */
export const NOT_JUDGED = plain('–');

/** A duration in one unit from ten of it on, such as `31 min`, so that a row of cells stays narrow. */
function roughly(ms: number): string {
  const [first = '', unit = '', ...rest] = durationText(ms).split(' ');
  return rest.length > 0 && Number(first) < 10 ? [first, unit, ...rest].join(' ') : `${first} ${unit}`;
}

/** When the series last brought something, and whether its silence is longer than chance. */
export function lastEvent(series: GapSeries | undefined, asOfMs: number): Verdict {
  if (series === undefined) return NOT_JUDGED;
  const { silence, last_time } = series;
  const value = `${roughly(Math.max(0, asOfMs - Date.parse(last_time)))} ago`;
  if (silence === null) return plain(value);
  if (silence.overdue !== null && silence.overdue > 0)
    return bad(value, `${silence.overdue.toLocaleString('en-US')} deliveries overdue`);
  if (silence.longer_than_chance === true) return bad(value, 'silent for longer than chance');
  return silence.longest ? warn(value, 'its longest silence') : plain(value);
}

/** How late its events arrive. */
export function lag(group: LagGroup | undefined, lateOverMs: number): Verdict {
  if (group === undefined) return NOT_JUDGED;
  const { p50_ms, p95_ms, late_count, count } = group.figures;
  const value = `${roughly(p50_ms)} / ${roughly(p95_ms)}`;
  const [finding] = group.findings;
  if (finding !== undefined) return bad(value, finding.code.toLowerCase().replaceAll('_', ' '));
  const late = late_count / count;
  const why = `${shareText(late)} over ${durationText(lateOverMs)}`;
  if (late >= THRESHOLDS.late_bad) return bad(value, why);
  return late >= THRESHOLDS.late_warn ? warn(value, why) : plain(value);
}

/** Windows without events, or with too few. */
export function missing(series: GapSeries | undefined, gaps: readonly Gap[]): Verdict {
  if (series === undefined) return NOT_JUDGED;
  const windowsOf = (state: Gap['state']) =>
    gaps.filter((gap) => gap.state === state).reduce((sum, { windows }) => sum + windows, 0);
  const [none, few] = [windowsOf('MISSING'), windowsOf('PARTIAL')];
  if (none > 0) {
    const [first] = gaps.filter(({ state }) => state === 'MISSING');
    const cause = first?.cause == null ? '' : `, ${first.cause.toLowerCase().replaceAll('_', ' ')}`;
    return bad(`${none.toLocaleString('en-US')} windows`, `no events${cause}`);
  }
  if (few > 0) return warn(`${few.toLocaleString('en-US')} windows`, 'too few events');
  if (series.model === 'CANNOT_BE_JUDGED')
    return plain('?', (series.reason ?? 'cannot be judged').toLowerCase().replaceAll('_', ' '));
  return plain('0');
}

/** Receipts that were rejected, or whose windows failed. */
export function failing(count: number, receipts: number): Verdict {
  if (count === 0) return plain('0');
  const share = receipts === 0 ? 1 : count / receipts;
  const value = count.toLocaleString('en-US');
  const why = `${shareText(Math.min(1, share))} of receipts`;
  return share >= THRESHOLDS.rejected_bad ? bad(value, why) : warn(value, why);
}

/** Repeats and conflicts. */
export function repeats(figures: Figures | undefined, storms: number): Verdict {
  if (figures === undefined) return NOT_JUDGED;
  const value = shareText(figures.repeat_share);
  if (storms > 0) return bad(value, storms === 1 ? 'a storm' : `${storms} storms`);
  if (figures.conflicts > 0) return warn(value, counted(figures.conflicts, 'conflict'));
  return figures.repeat_share >= THRESHOLDS.repeat_warn ? warn(value, 'of receipts') : plain(value);
}

/** How much of its latest day is there, by the forecast. A day that has not ended is never marked. */
export function complete(days: readonly Day[], asOfMs: number): Verdict {
  const [day] = [...days].sort((a, b) => (a.day < b.day ? 1 : -1));
  if (day === undefined) return NOT_JUDGED;
  const { forecast, full_after_ms, state } = day;
  if (state === 'CLOSED') return plain('100 %', full_after_ms === null ? null : fullText(full_after_ms));
  if (forecast === null) return plain('?', 'too few closed days');
  const value = shareText(Math.min(1, forecast.share));
  const why = forecast.full_at === null ? day.day : `99 % by ${forecast.full_at.slice(0, 16).replace('T', ' ')}`;
  const hasEnded = asOfMs > Date.parse(`${day.day}T00:00:00Z`) + DAY_MS;
  return hasEnded && forecast.share < THRESHOLDS.complete_bad ? bad(value, why) : plain(value, why);
}

/** When 99 % of a day had arrived, in words: some days are complete before they end. */
export function fullText(afterMs: number): string {
  return afterMs <= 0 ? '99 % by its end' : `99 % ${durationText(afterMs)} after`;
}
