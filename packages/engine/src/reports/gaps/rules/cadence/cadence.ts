import { medianOfSorted } from '../../../../statistics/statistics.ts';
import { dueCells, isClock, movedSilences } from './clock.ts';
import { type Counts, type Silences, silencesOf } from './counts.ts';
import { isSaturated, type PartialTest, partialWindows } from './partial.ts';
import { type Learning, learnProfile, liveWindows, type Profile } from './profile.ts';
import { type TestedSilences, testSilences } from './silences.ts';
import type { Steps } from './steps.ts';
import { sortedOf } from './tail.ts';

// Learns from the deliveries of a series when it should deliver. It makes two separate claims. SKIP: by the series' own clock
// a delivery was due in this window and none came; a fact about a clock. OUTAGE: this silence is too long even for a series
// that skips and clusters like this one; a test with a bounded rate of false alarms.

/** Over all series and windows of a report, the probability that any OUTAGE is named by chance. */
export const ALPHA_OUTAGE = 0.003;
/** The same for PARTIAL. */
export const ALPHA_PARTIAL = 0.002;

/** Minimum number of windows of a life to judge it. */
export const WINDOWS_MIN = 20;
/** Minimum number of windows with deliveries of a life to judge it. */
export const DELIVERING_MIN = 8;

const PASSES = 3;
/** The most surprising remaining silences are not used for learning, if they are few. */
const SET_ASIDE = 4;
const SET_ASIDE_SHARE = 0.1;
/** More than this many times the deliveries of a usual window are a burst. */
const BURST = 2;
/** Windows below this share of the most surprising one of an outage, such as nights and weekends, are not named. */
const NAMED_SHARE = 0.1;
/** Another calendar is used only if it predicts better by this log-likelihood. */
const CALENDAR_MARGIN = 3;

/** The question about a life. */
export interface CadenceQuestion {
  /** The windows in question, half-open. */
  readonly range: readonly [number, number];
  /** Number of lives in the report, which share its allowance of false alarms. */
  readonly judged: number;
  readonly windowsMin?: number;
}

/** The findings of a life. */
export interface Verdict {
  readonly profile: Profile;
  readonly silences: Silences;
  /** Windows of each cell, without outages and the silence at the end. */
  readonly live: Float64Array;
  /** 1 for each silence that is an outage, in the range or, excluded from learning, before it. */
  readonly outages: Uint8Array;
  readonly outagesAsked: Uint8Array;
  /** 1 for each silence that only moved a delivery across a window bound; none of its windows is missing. */
  readonly moved: Uint8Array;
  /** Windows of the range with too few deliveries, as indices into `Counts.at`. */
  readonly partial: readonly number[];
  /** Whether the silence at the end is longer than chance. */
  readonly openIsOutage: boolean;
  /** 1 for each cell in which a delivery is due; null if the series keeps no clock. */
  readonly due: Uint8Array | null;
  /** A silence of this surprise is an outage. */
  readonly threshold: number;
}

/** Judges the windows of a life. It must have `WINDOWS_MIN` windows, and deliveries in `DELIVERING_MIN` of them. */
export function* judgeLife(given: Counts, question: CadenceQuestion): Steps<Verdict> {
  const counts = yield* withoutBursts(given);
  const silences = silencesOf(counts);
  const { profile, flagged, tested } = yield* findOutages(counts, silences, question);
  const excluded = withOpen(flagged, silences);
  const clock = { counts, silences, profile, excluded };
  const live = liveWindows(profile.layout, clock);
  const enough = live.reduce((sum, n) => sum + n, 0) >= (question.windowsMin ?? WINDOWS_MIN);
  const due = enough ? yield* dueCells(clock, live) : null;
  const moved =
    due === null ? new Uint8Array(silences.count) : yield* movedSilences({ ...clock, excluded: tested.outages }, due);
  const few = { counts, profile, live, range: question.range, alpha: ALPHA_PARTIAL / question.judged };
  const partial = yield* partialWindows(isSaturated(counts) ? yield* byEvents(few, clock) : few);
  return {
    profile,
    silences,
    live,
    outages: flagged.map((flag, j) => flag | (tested.outages[j] ?? 0)),
    outagesAsked: tested.outages,
    moved,
    partial,
    openIsOutage: silences.isOpen && tested.outages[silences.count - 1] === 1,
    due,
    threshold: tested.threshold,
  };
}

/**
 * A clock that sometimes delivers many times at once is still a clock: if a series is one without its bursts, they are
 * reduced to a few usual windows. Random arrivals keep their bursts, which show how they cluster.
 */
function* withoutBursts(counts: Counts): Steps<Counts> {
  const most = BURST * medianOfSorted(yield* sortedOf(counts.deliveries));
  if (!counts.deliveries.some((d) => d > most)) return counts;
  const calm = { ...counts, deliveries: counts.deliveries.map((d) => Math.min(d, most)) };
  const silences = silencesOf(calm);
  const excluded = withOpen(new Uint8Array(silences.count), silences);
  const profile = yield* learnProfile({ counts: calm, silences, turns: 0, excluded });
  const due = yield* dueCells({ counts: calm, silences, profile, excluded }, profile.live);
  return due === null ? counts : calm;
}

/** Counts events instead of deliveries. */
function* byEvents(
  test: PartialTest,
  { silences, excluded }: Pick<Learning, 'silences' | 'excluded'>,
): Steps<PartialTest> {
  const counts = { ...test.counts, deliveries: test.counts.rows };
  const profile = yield* bestCalendar({ counts, silences, excluded });
  return { ...test, counts, profile, live: liveWindows(profile.layout, { counts, silences, excluded }) };
}

/** Outages are excluded from learning, which may reveal further ones: up to three passes. */
function* findOutages(
  counts: Counts,
  silences: Silences,
  { range, judged }: CadenceQuestion,
): Steps<{ profile: Profile; flagged: Uint8Array; tested: TestedSilences }> {
  let flagged = new Uint8Array(silences.count);
  const learning = { counts, silences, excluded: withOpen(flagged, silences) };
  let profile = yield* bestCalendar(learning);
  const turns = profile.turns;
  for (let pass = 1; ; pass++) {
    const excluded = setAside(profile, { counts, silences, flagged });
    profile = { ...(yield* learnProfile({ counts, silences, turns, excluded })), turns };
    const clock = yield* isClock({ counts, silences, profile, excluded }, profile.live);
    const test = { flagged: withOpen(flagged, silences), range, alpha: ALPHA_OUTAGE / judged, isClock: clock };
    const tested = yield* testSilences(counts, silences, { ...test, profile });
    const next = flagged.map((flag, j) => flag | (tested.outages[j] ?? 0));
    for (const j of tested.outer) next[j] = 1;
    if (pass === PASSES || next.every((flag, j) => flag === flagged[j])) return { profile, flagged, tested };
    flagged = next;
  }
}

type ByCalendar = Profile & { readonly turns: number };

/** A job may run by another calendar, such as UTC, than the one of the report. */
function* bestCalendar(learning: Omit<Learning, 'turns'>): Steps<ByCalendar> {
  let best: ByCalendar | null = null;
  for (const turns of learning.counts.turns.keys()) {
    const profile = yield* learnProfile({ ...learning, turns });
    if (best === null || profile.score > best.score + CALENDAR_MARGIN) best = { ...profile, turns };
  }
  return best as ByCalendar;
}

function withOpen(flagged: Uint8Array, { isOpen, count }: Silences): Uint8Array {
  const excluded = flagged.slice();
  if (isOpen) excluded[count - 1] = 1;
  return excluded;
}

function setAside(
  profile: Profile,
  { counts, silences, flagged }: { counts: Counts; silences: Silences; flagged: Uint8Array },
): Uint8Array {
  const excluded = withOpen(flagged, silences);
  const sums = profile.layout.sums(profile.surprise);
  const closed = silences.count - (silences.isOpen ? 1 : 0);
  const most: { j: number; surprise: number }[] = [];
  for (let j = 0; j < closed; j++) {
    if (flagged[j] === 1) continue;
    const surprise = sums(silences.to[j] ?? 0) - sums(silences.from[j] ?? 0);
    if (most.length === SET_ASIDE && surprise <= (most.at(-1)?.surprise ?? 0)) continue;
    most.push({ j, surprise });
    most.sort((a, b) => b.surprise - a.surprise || a.j - b.j);
    most.length = Math.min(most.length, SET_ASIDE);
  }
  let room = SET_ASIDE_SHARE * counts.windows;
  for (const { j } of most) {
    const length = (silences.to[j] ?? 0) - (silences.from[j] ?? 0);
    if (length > room) continue;
    excluded[j] = 1;
    room -= length;
  }
  return excluded;
}

/** Windows from `from` up to `to` that are missing; `named` of them were due, by clock or by what is usual. */
export interface NamedWindows {
  readonly kind: 'OUTAGE' | 'SKIP';
  readonly from: number;
  readonly to: number;
  readonly named: number;
  /** The window with deliveries before the silence, as an index into `Counts.at`. */
  readonly after: number;
}

/**
 * Returns the missing windows of a part of the range, in order. An outage is one stretch, without nights and weekends at its
 * ends. The silence at the end is not named, since the series may have ended.
 */
export function namedWindows(verdict: Verdict, [low, high]: readonly [number, number]): NamedWindows[] {
  const { silences, outagesAsked, due, moved } = verdict;
  const named: NamedWindows[] = [];
  const closed = silences.count - (silences.isOpen ? 1 : 0);
  for (let j = 0; j < closed; j++) {
    const span = [Math.max(silences.from[j] ?? 0, low), Math.min(silences.to[j] ?? 0, high)] as const;
    if (span[0] >= span[1]) continue;
    if (outagesAsked[j] === 1) for (const one of outageOf(verdict, j, span)) named.push(one);
    else if (due !== null && moved[j] !== 1) for (const one of skipsOf(verdict, j, span)) named.push(one);
  }
  return named;
}

function outageOf(
  { profile: { layout, surprise }, silences }: Verdict,
  j: number,
  [low, high]: readonly [number, number],
): NamedWindows[] {
  let most = 0;
  layout.walk(silences.from[j] ?? 0, silences.to[j] ?? 0, (_, cell) => {
    most = Math.max(most, surprise[cell] ?? 0);
  });
  let [from, to, named] = [low, low, 0];
  layout.walk(low, high, (window, cell) => {
    if ((surprise[cell] ?? 0) < NAMED_SHARE * most) return;
    if (named === 0) from = window;
    to = window + 1;
    named += 1;
  });
  return named === 0 ? [] : [{ kind: 'OUTAGE', from, to, named, after: silences.after[j] ?? 0 }];
}

function skipsOf(
  { profile, silences, due }: Verdict,
  j: number,
  [low, high]: readonly [number, number],
): NamedWindows[] {
  const skips: NamedWindows[] = [];
  let [from, to] = [low, low];
  const add = () => {
    if (to > from) skips.push({ kind: 'SKIP', from, to, named: to - from, after: silences.after[j] ?? 0 });
  };
  profile.layout.walk(low, high, (window, cell) => {
    if (due?.[cell] !== 1) return;
    if (to !== window) {
      add();
      from = window;
    }
    to = window + 1;
  });
  add();
  return skips;
}

/**
 * The shortest silence that would be named an outage, in windows, where it begins at a usual time: half of the deliveries
 * are followed by times at which it takes as long or less. Infinite where no silence is.
 */
export function blindWindows({ profile, threshold }: Verdict): number {
  const { layout, surprise, mean } = profile;
  const { cycle, blocks } = layout;
  const base = (blocks - 1) * cycle;
  const at = (slot: number) => surprise[base + (slot % cycle)] ?? 0;
  let round = 0;
  for (let slot = 0; slot < cycle; slot++) round += at(slot);
  if (!Number.isFinite(threshold) || round <= 0) return Number.POSITIVE_INFINITY;
  const rounds = Math.floor(threshold / round);
  const lengths: { length: number; weight: number }[] = [];
  // After its first window: how many more until the surprise is reached. Two ends that both only move on.
  let [end, sum] = [1, 0];
  for (let slot = 0; slot < cycle; slot++) {
    if (slot > 0) sum -= at(slot);
    if (end <= slot) [end, sum] = [slot + 1, 0];
    while (rounds * round + sum < threshold && end <= slot + cycle) sum += at(end++);
    const weight = mean[base + ((slot + cycle - 1) % cycle)] ?? 0;
    lengths.push({ length: rounds * cycle + Math.max(1, end - slot), weight });
  }
  lengths.sort((a, b) => a.length - b.length);
  const half = lengths.reduce((all, { weight }) => all + weight, 0) / 2;
  let passed = 0;
  for (const { length, weight } of lengths) {
    passed += weight;
    if (passed >= half) return length;
  }
  return Number.POSITIVE_INFINITY;
}

/** How many deliveries are usual over a span of windows. */
export function usualDeliveries({ profile }: Verdict): (from: number, to: number) => number {
  const sums = profile.layout.sums(profile.mean);
  return (from, to) => sums(to) - sums(from);
}
