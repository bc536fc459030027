import { dispersionOf, rankOf, tailAtMost } from './statistics.ts';

/** A window of a series within its life, and what came in it. */
export interface CountedWindow {
  readonly start_ms: number;
  readonly end_ms: number;
  /** Windows of one slot are alike, such as all Mondays from 9 to 10. */
  readonly slot: number;
  readonly count: number;
  /** Different instants among them, at most `INSTANTS_MAX`: what came at once came in one delivery. */
  readonly instants: number;
}

/** Instants of one window that are told apart; more than that come densely enough to be counted. */
export const INSTANTS_MAX = 16;

/**
 * What is expected of a series. DECLARED: the caller says it. REGULAR: hardly a window is empty, by the clock and not by
 * chance, so each empty one is missing. INTERVAL: it comes by the clock, but not in every window. COUNTING: so many in
 * that hour of the week, by chance.
 */
export type CadenceModel = 'DECLARED' | 'REGULAR' | 'INTERVAL' | 'COUNTING' | 'TOO_LITTLE_HISTORY';

/** What a window was found to be. `expected` is how many events such a window has, where that is known. */
export interface Judged {
  readonly state: 'FINE' | 'MISSING' | 'PARTIAL';
  readonly expected: number | null;
}

const FINE: Judged = { state: 'FINE', expected: null };
const WINDOWS_MIN = 20;
const NON_EMPTY_MIN = 8;
const DAYS_MIN = 14;
const NON_EMPTY_SHARE = 0.99;
/** Below this the number of deliveries per window varies too little to be chance. */
const DISPERSION_REGULAR = 0.5;
const SATURATED_SHARE = 0.05;

/** How a series is to be judged, from its whole life as far as it was read. */
export function modelOf(windows: readonly CountedWindow[]): CadenceModel {
  const full = windows.filter(({ count }) => count > 0);
  if (windows.length < WINDOWS_MIN || full.length < NON_EMPTY_MIN) return 'TOO_LITTLE_HISTORY';
  if (isRegular(windows, full)) return 'REGULAR';
  if (isByInterval(windows, full)) return 'INTERVAL';
  const days = ((windows.at(-1)?.end_ms ?? 0) - (windows[0]?.start_ms ?? 0)) / 86_400_000;
  return days < DAYS_MIN ? 'TOO_LITTLE_HISTORY' : 'COUNTING';
}

/** An outage counts once, however long: it must not make the next one usual, nor stay unseen for its length. */
function isRegular(windows: readonly CountedWindow[], full: readonly CountedWindow[]): boolean {
  const outages = windows.filter(({ count }, i) => count === 0 && windows[i - 1]?.count !== 0).length;
  if (full.length / (full.length + outages) < NON_EMPTY_SHARE) return false;
  const saturated = full.filter(({ instants }) => instants >= INSTANTS_MAX).length;
  if (saturated > SATURATED_SHARE * full.length) return false;
  return dispersionOf(full.map(({ instants }) => instants)) <= DISPERSION_REGULAR;
}

function distancesOf(full: readonly CountedWindow[]): number[] {
  return full.slice(1).map(({ start_ms }, i) => start_ms - (full[i] as CountedWindow).start_ms);
}

/** Distances that hardly vary, and that are longer than a window: shorter ones are told by counts. */
function isByInterval(windows: readonly CountedWindow[], full: readonly CountedWindow[]): boolean {
  const sorted = distancesOf(full).sort((a, b) => a - b);
  const median = rankOf(sorted, 0.5);
  const [first] = windows as [CountedWindow];
  if (median < 2 * (first.end_ms - first.start_ms)) return false;
  return rankOf(sorted, 0.9) - rankOf(sorted, 0.1) <= 0.5 * median;
}

/** How the windows of a counting series are judged: at most `alpha` for each that anything is said of it by chance. */
export interface CountingTest {
  readonly alpha: number;
}

/** Judges each window of a series, in order. `declaredMs` is the interval that a DECLARED series keeps. */
export function judge(
  windows: readonly CountedWindow[],
  model: CadenceModel,
  options: CountingTest & { declaredMs: number | null },
): Judged[] {
  switch (model) {
    case 'DECLARED':
      return windows.map((window) => declared(window, options.declaredMs ?? 0));
    case 'REGULAR':
      return regular(windows);
    case 'INTERVAL':
      return byInterval(windows);
    case 'COUNTING':
      return counting(windows, options);
    default:
      return windows.map(() => FINE);
  }
}

/** Of a declared interval one event may fall on the other side of a bound. */
function declared({ start_ms, end_ms, count }: CountedWindow, declaredMs: number): Judged {
  const expected = Math.max(1, Math.floor((end_ms - start_ms) / declaredMs));
  if (count === 0) return { state: 'MISSING', expected };
  return { state: count < expected - 1 ? 'PARTIAL' : 'FINE', expected };
}

/**
 * Several empty windows in a row are missing. A single one is less sure: it is missing where at least 99 % of all other
 * windows are not empty, so that after a long outage, or of a series that now and then skips, it is not named.
 */
function regular(windows: readonly CountedWindow[]): Judged[] {
  const empty = windows.filter(({ count }) => count === 0).length;
  const isSure = windows.length - empty >= NON_EMPTY_SHARE * (windows.length - 1);
  const isEmpty = (i: number) => windows[i]?.count === 0;
  return windows.map((_, i) => {
    const missing = isEmpty(i) && (isSure || isEmpty(i - 1) || isEmpty(i + 1));
    return missing ? { state: 'MISSING', expected: null } : FINE;
  });
}

/** A gap is longer than three times the median and half as long again as all but one in a thousand of the others. */
function byInterval(windows: readonly CountedWindow[]): Judged[] {
  const full = windows.filter(({ count }) => count > 0);
  const distances = distancesOf(full);
  const sorted = distances.toSorted((a, b) => a - b);
  const median = rankOf(sorted, 0.5);
  const judged: Judged[] = windows.map(() => FINE);
  const place = new Map(windows.map(({ start_ms }, i) => [start_ms, i]));
  for (const [i, distance] of distances.entries()) {
    // The rank among all others: those from its own place on stand one further.
    const rank = Math.max(0, Math.ceil(0.999 * (sorted.length - 1)) - 1);
    const others = sorted[(sorted[rank] as number) < distance ? rank : rank + 1] ?? distance;
    if (distance <= Math.max(3 * median, 1.5 * others)) continue;
    const from = (place.get((full[i] as CountedWindow).start_ms) ?? 0) + 1;
    const to = place.get((full[i + 1] as CountedWindow).start_ms) ?? 0;
    for (let w = from; w < to; w++) judged[w] = { state: 'MISSING', expected: null };
  }
  return judged;
}

/** Twice: what the first pass finds missing does not count as usual in the second. */
function counting(windows: readonly CountedWindow[], test: CountingTest): Judged[] {
  const first = judgeCounts(windows, learnSlots(windows, null), test);
  return judgeCounts(windows, learnSlots(windows, first), test);
}

interface Slots {
  readonly bySlot: ReadonlyMap<number, { sum: number; windows: number }>;
  /** At least 1: how much more the counts vary than chance would have it. */
  readonly dispersion: number;
  readonly leftOut: readonly boolean[];
}

function learnSlots(windows: readonly CountedWindow[], judged: readonly Judged[] | null): Slots {
  const bySlot = new Map<number, { sum: number; windows: number }>();
  const leftOut = windows.map((_, i) => judged?.[i]?.state === 'MISSING');
  const used = windows.filter((_, i) => !leftOut[i]);
  for (const { slot, count } of used) {
    const known = bySlot.get(slot) ?? { sum: 0, windows: 0 };
    bySlot.set(slot, { sum: known.sum + count, windows: known.windows + 1 });
  }
  let squares = 0;
  for (const { slot, count } of used) {
    const { sum, windows: n } = bySlot.get(slot) as { sum: number; windows: number };
    if (sum > 0) squares += (count - sum / n) ** 2 / (sum / n);
  }
  return { bySlot, dispersion: Math.max(1, squares / Math.max(1, used.length - bySlot.size)), leftOut };
}

function judgeCounts(windows: readonly CountedWindow[], slots: Slots, { alpha }: CountingTest): Judged[] {
  const judged: Judged[] = [];
  for (let i = 0; i < windows.length; ) {
    let end = i;
    while (end < windows.length && windows[end]?.count === 0) end += 1;
    if (end === i) {
      judged.push(judgeCount(windows, i, { slots, alpha }));
      i += 1;
      continue;
    }
    const state = emptyRunTail(windows, [i, end], slots) <= alpha ? 'MISSING' : 'FINE';
    for (; i < end; i++) judged.push({ state, expected: expectedOf(windows[i] as CountedWindow, slots) });
  }
  return judged;
}

function judgeCount(
  windows: readonly CountedWindow[],
  i: number,
  { slots, alpha }: { slots: Slots; alpha: number },
): Judged {
  const window = windows[i] as CountedWindow;
  const expected = expectedOf(window, slots);
  if (expected === null || window.count >= expected) return { state: 'FINE', expected };
  const { sum, windows: n } = slots.bySlot.get(window.slot) as { sum: number; windows: number };
  const others = { sum: (sum - window.count) / slots.dispersion, windows: n - 1 };
  const tail = tailAtMost(Math.ceil(window.count / slots.dispersion), others);
  return { state: tail <= alpha ? 'PARTIAL' : 'FINE', expected };
}

function expectedOf({ slot }: CountedWindow, { bySlot }: Slots): number | null {
  const known = bySlot.get(slot);
  return known === undefined ? null : known.sum / known.windows;
}

/** How probable it is that all windows of a run are empty; each is held against the like windows outside the run. */
function emptyRunTail(windows: readonly CountedWindow[], [from, to]: [number, number], slots: Slots): number {
  const inRun = new Map<number, { all: number; used: number }>();
  for (let i = from; i < to; i++) {
    const { slot } = windows[i] as CountedWindow;
    const known = inRun.get(slot) ?? { all: 0, used: 0 };
    inRun.set(slot, { all: known.all + 1, used: known.used + (slots.leftOut[i] ? 0 : 1) });
  }
  let log = 0;
  for (const [slot, { all, used }] of inRun) {
    const known = slots.bySlot.get(slot);
    const others = (known?.windows ?? 0) - used;
    if (known === undefined || others <= 0) continue;
    log += (known.sum / slots.dispersion) * Math.log(others / (others + all));
  }
  return Math.exp(log);
}
