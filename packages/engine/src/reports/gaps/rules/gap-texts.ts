import { counted, durationText, formatEpochMs } from '@pik/schema';

import { GRAIN_MS, type Grain } from './calendar.ts';
import type { JudgedLife } from './judged-life.ts';

// The sentences of a gap report.

/** A time to the minute, for sentences. */
const timeText = (ms: number) => `${formatEpochMs(ms).slice(0, 16).replace('T', ' ')}Z`;

/** A share as a percentage, with one more digit below 10 % and above 99 %. */
export function percentText(share: number): string {
  const percent = share * 100;
  return `${percent < 10 || percent > 99 ? Math.round(percent * 10) / 10 : Math.round(percent)} %`;
}

/** Returns a function for the sentences of a life's gaps, which looks up their shared facts once. */
export function missingTexts(
  life: JudgedLife,
): (gap: { kind: 'OUTAGE' | 'SKIP'; from: number; to: number; windows: number }) => string {
  let others: ReturnType<typeof otherSilences> | null = null;
  let due: ReturnType<typeof dueWindows> | null = null;
  return ({ kind, from, to, windows }) => {
    if (kind === 'OUTAGE') {
      others ??= otherSilences(life);
      return outageText(life.ruler, { from, to, ...others });
    }
    due ??= dueWindows(life.verdict);
    return skipText(due, life.ticks === null ? windows : null);
  };
}

/** The sentence for an outage, compared with the usual silences. */
function outageText(
  ruler: JudgedLife['ruler'],
  { from, to, count, longestMs }: { from: number; to: number; count: number; longestMs: number },
): string {
  const span = `Silent from ${timeText(ruler.startOf(from))} to ${timeText(ruler.startOf(to))}.`;
  const usual =
    count === 0
      ? 'The series had no other silence'
      : `The longest of ${counted(count, 'other silence')} lasted ${durationText(longestMs)}`;
  return `${span} ${usual}; by its own rhythm, at most 1 report in 100 lists such a silence by chance.`;
}

/** The silences of a life that are not outages. */
function otherSilences({ verdict, life }: JudgedLife) {
  const { silences, outages } = verdict;
  const closed = silences.count - (silences.isOpen ? 1 : 0);
  let [count, longestMs] = [0, 0];
  for (let j = 0; j < closed; j++) {
    if (outages[j] === 1) continue;
    const after = silences.after[j] ?? 0;
    count += 1;
    longestMs = Math.max(longestMs, (life.cells[after + 1]?.firstMs ?? 0) - (life.cells[after]?.lastMs ?? 0));
  }
  return { count, longestMs };
}

/** The sentence for windows that a clock skipped; `windows` is null for a series that keeps its own interval. */
function skipText({ due, empty }: { due: number; empty: number }, windows: number | null): string {
  const share = percentText(due === 0 ? 0 : 1 - empty / due);
  const where = windows === null ? 'then' : windows === 1 ? 'in this window' : `in each of these ${windows} windows`;
  return `By the series' own clock a delivery was due ${where}, and none came; the series makes ${share} of its due deliveries.`;
}

/** Number of due and of empty due windows in a life, without outages and the silence at the end. */
export function dueWindows({ profile, live, due }: JudgedLife['verdict']): { due: number; empty: number } {
  let all = 0;
  let full = 0;
  for (const [cell, isDue] of (due ?? []).entries()) if (isDue === 1) all += live[cell] ?? 0;
  for (const cell of profile.cells) if (due?.[cell] === 1) full += 1;
  return { due: all, empty: Math.max(0, all - full) };
}

/** The sentence for a window with far fewer events than usual. */
export function partialText(count: number, expected: number): string {
  return `Only ${counted(count, 'event')} instead of the usual ${Math.round(expected).toLocaleString('en-US')}.`;
}

/** A gap by a declared interval. */
export function declaredText(declaredMs: number, { count, expected }: { count: number; expected: number }): string {
  const came = count === 0 ? 'none came' : `${counted(count, 'event')} came`;
  return `One event every ${durationText(declaredMs)} is declared: ${expected.toLocaleString('en-US')} expected, ${came}.`;
}

/** Describes when a series delivers, as learned. */
export function expectsText({ verdict, ticks, at, windows, life, interval }: JudgedLife, grain: Grain): string {
  const { profile, due } = verdict;
  const skips = (share: number) => (share > 0 ? `, skips ${percentText(share)}` : '');
  if (ticks !== null && interval !== null) {
    const share = 1 - ticks.counts.at.length / ticks.counts.windows;
    return `its own interval, ${durationText(interval * GRAIN_MS[grain])}${skips(share)}`;
  }
  if (due !== null) {
    const { due: all, empty } = dueWindows(verdict);
    const { cycle, blocks } = profile.layout;
    const slots = due.slice((blocks - 1) * cycle).reduce((sum, one) => sum + one, 0);
    const of = { hour: 'hours of the week', day: 'days of the week', minute: 'minutes of the day' }[grain];
    const when = slots === cycle ? `every ${grain}` : `in ${slots} of ${cycle} ${of}`;
    return `a clock, ${when}${skips(all === 0 ? 0 : empty / all)}`;
  }
  const deliveries = life.cells.reduce((sum, cell) => sum + cell.deliveries, 0);
  const rate = deliveries / Math.max(1, Math.min(windows, (at.at(-1) ?? 0) + 1));
  const digits = rate < 10 ? Number(rate.toPrecision(2)) : Math.round(rate);
  const clustered = profile.dispersion > 1.2 ? `, clustered ${Math.round(profile.dispersion * 10) / 10}×` : '';
  return `chance arrivals, ${digits.toLocaleString('en-US')} deliveries per ${grain}${clustered}`;
}
