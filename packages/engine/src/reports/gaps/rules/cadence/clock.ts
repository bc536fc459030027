import { medianOfSorted } from '../../../../statistics/statistics.ts';
import type { Counts, Silences } from './counts.ts';
import type { Profile } from './profile.ts';
import { inPieces, type Steps } from './steps.ts';
import { sortedOf } from './tail.ts';

// Decides whether a series keeps a clock: then each empty due window is a fact, at any rate of skips. Random arrivals must
// hardly ever be mistaken for a clock.

/** A window is due if a delivery in it is at least this probable. */
const DUE_MIN = 0.65;
const DUE_SURPRISE = -Math.log(1 - DUE_MIN);
/** The variance of a clock is at most half its mean, with this many standard deviations to spare. */
const DISPERSION_MAX = 0.5;
const DEVIATIONS = 3.3;
const DISPERSION_WEIGHT = 30;
/** Chance leaves at least f1²/2f2 of the windows empty (Chao); a clock at most a quarter of that, or one in fifty. */
const FEW_EMPTY = 4;
const FEW_EMPTY_SHARE = 0.02;
/** If the event counts are random enough to predict the number of empty windows, no clock is needed to explain it. */
const EXPLAINED_LOW = 1 / 8;
const DUE_WINDOWS_MIN = 12;
/** Windows of one block, and the share of their variance that remains if neighbours do not compensate for each other. */
const BALANCE_WINDOWS = 8;
const BALANCE_MIN = 1 / 3;
/** A delivery after less than this many usual intervals has moved over a bound and is not missing. */
const MOVED_INTERVALS = 1.5;
const MOVED_SHARE = 0.01;

/** The data in which to look for a clock. */
export interface ClockQuestion {
  readonly counts: Counts;
  readonly silences: Silences;
  readonly profile: Profile;
  /** 1 for each silence without information about the clock: an outage, or the open silence. */
  readonly excluded: Uint8Array;
}

/** 1 for each cell whose windows are due: a delivery is probable there. */
function probableCells({ surprise }: Profile): Uint8Array {
  const probable = new Uint8Array(surprise.length);
  for (let cell = 0; cell < surprise.length; cell++) if ((surprise[cell] ?? 0) >= DUE_SURPRISE) probable[cell] = 1;
  return probable;
}

/** 1 for each group of slots whose deliveries vary too little to be chance. */
function steadyGroups({ dispersions, weights }: Profile): Uint8Array {
  return Uint8Array.from(dispersions, (d, group) => {
    const weight = Math.max((weights[group] ?? 0) + DISPERSION_WEIGHT, 1);
    return d * (1 + DEVIATIONS * Math.sqrt(2 / weight)) <= DISPERSION_MAX ? 1 : 0;
  });
}

/** The cells in which the clock has a delivery due; null if the series keeps no clock. */
export function* dueCells(question: ClockQuestion, live: Float64Array): Steps<Uint8Array | null> {
  const { counts, profile } = question;
  const probable = probableCells(profile);
  if (!probable.includes(1)) return null;
  const due = onlySteady(probable, profile, counts);
  if (!due.includes(1) || !leavesFewEmpty(question, probable, live)) return null;
  return (yield* balance(question)) >= BALANCE_MIN ? due : null;
}

function onlySteady(probable: Uint8Array, profile: Profile, { scheme }: Counts): Uint8Array {
  const steady = steadyGroups(profile);
  return probable.map((one, cell) => one & (steady[scheme.groups.keys[cell % scheme.cycle] ?? 0] ?? 0));
}

/** Whether most due windows are steady too: then the usual behaviour of a clock is assumed in advance. */
export function* isClock(question: ClockQuestion, live: Float64Array): Steps<boolean> {
  const { counts, profile } = question;
  const probable = probableCells(profile);
  if (!probable.includes(1)) return false;
  const due = onlySteady(probable, profile, counts);
  let [all, kept] = [0, 0];
  for (let cell = 0; cell < live.length; cell++) {
    if (probable[cell] === 1) all += live[cell] ?? 0;
    if (due[cell] === 1) kept += live[cell] ?? 0;
  }
  if (all === 0 || kept <= 0.5 * all || !leavesFewEmpty(question, probable, live)) return false;
  return (yield* balance(question)) >= BALANCE_MIN;
}

/** Whether fewer windows are empty than any mixture of random arrivals leaves, and event counts do not explain that. */
function leavesFewEmpty({ counts, profile }: ClockQuestion, probable: Uint8Array, live: Float64Array): boolean {
  let windows = 0;
  for (let cell = 0; cell < live.length; cell++) if (probable[cell] === 1) windows += live[cell] ?? 0;
  if (windows < DUE_WINDOWS_MIN) return false;
  let empty = windows;
  const deliveries = [0, 0];
  const rows = [0, 0];
  for (const [i, cell] of profile.cells.entries()) {
    if (probable[cell] === 0) continue;
    empty -= 1;
    countOneOrTwo(deliveries, counts.deliveries[i] ?? 0);
    countOneOrTwo(rows, counts.rows[i] ?? 0);
  }
  if (empty === 0) return true;
  const isFew = leastEmpty(deliveries) >= FEW_EMPTY * empty || empty <= FEW_EMPTY_SHARE * windows;
  const ofRows = leastEmpty(rows);
  return isFew && !(ofRows >= EXPLAINED_LOW * empty && ofRows < FEW_EMPTY * empty);
}

function countOneOrTwo(into: number[], value: number): void {
  if (value === 1 || value === 2) into[value - 1] = (into[value - 1] ?? 0) + 1;
}

/** Minimum number of windows that chance leaves empty, from those with one and two deliveries (Chao's lower bound). */
function leastEmpty([one = 0, two = 0]: readonly number[]): number {
  return (one * (one - 1)) / (2 * (two + 1));
}

/** The variance of blocks relative to single windows: near 0 if neighbours compensate for empty windows. */
function* balance({ counts, silences, profile, excluded }: ClockQuestion): Steps<number> {
  const { layout, mean } = profile;
  const windows = counts.windows - (counts.windows % BALANCE_WINDOWS);
  let [single, blocks, block] = [0, 0, 0];
  let i = 0;
  let j = 0;
  yield* inPieces(windows / BALANCE_WINDOWS, (from, to) => {
    layout.walk(from * BALANCE_WINDOWS, to * BALANCE_WINDOWS, (t, cell) => {
      while (j < silences.count && (silences.to[j] ?? 0) <= t) j += 1;
      const isFull = counts.at[i] === t;
      const isOut = !isFull && j < silences.count && (silences.from[j] ?? 0) <= t && excluded[j] === 1;
      const rest = isOut ? 0 : (isFull ? (counts.deliveries[i] ?? 0) : 0) - (mean[cell] ?? 0);
      if (isFull) i += 1;
      single += rest * rest;
      block += rest;
      if (t % BALANCE_WINDOWS !== BALANCE_WINDOWS - 1) return;
      blocks += block * block;
      block = 0;
    });
  });
  return (blocks + 1) / (single + 1);
}

/** 1 for each silence after which a delivery came late, if late deliveries are the habit of this clock. */
export function* movedSilences(
  { counts, silences, profile, excluded }: ClockQuestion,
  due: Uint8Array,
): Steps<Uint8Array> {
  const dueTo = profile.layout.sums(Float64Array.from(due));
  const hasMoved = counts.places === null ? movedByCount(counts, profile) : yield* movedByPlace(counts, counts.places);
  const moved = new Uint8Array(silences.count);
  let windows = 0;
  for (let j = 0; j < silences.count; j++) {
    if (excluded[j] === 1 || !hasMoved(silences, j)) continue;
    moved[j] = 1;
    windows += dueTo(silences.to[j] ?? 0) - dueTo(silences.from[j] ?? 0);
  }
  // If it is rare, it is not a habit: a late delivery was missing when it was due.
  return windows <= MOVED_SHARE * dueTo(counts.windows) ? moved.fill(0) : moved;
}

type HasMoved = (silences: Silences, j: number) => boolean;

function* movedByPlace({ at }: Counts, { first, last }: NonNullable<Counts['places']>): Steps<HasMoved> {
  const apart = (i: number) => (at[i + 1] ?? 0) + (first[i + 1] ?? 0) - (at[i] ?? 0) - (last[i] ?? 0);
  const distances = Float64Array.from({ length: Math.max(0, at.length - 1) }, (_, i) => apart(i));
  const usual = medianOfSorted(yield* sortedOf(distances));
  return ({ after }, j) => {
    const i = after[j] ?? 0;
    return i + 1 < at.length && apart(i) < MOVED_INTERVALS * usual;
  };
}

/** Without places: the neighbouring windows have as many deliveries as were due in all of them. */
function movedByCount({ at, deliveries, windows }: Counts, { layout, mean, surprise }: Profile): HasMoved {
  const nominal = mean.map((m, cell) => {
    const q = 1 - Math.exp(-(surprise[cell] ?? 0));
    return q >= DUE_MIN ? m / q : 0;
  });
  const nominalTo = layout.sums(nominal);
  return ({ from, to, after }, j) => {
    const i = after[j] ?? 0;
    const high = Math.min((to[j] ?? 0) + 1, windows);
    const low = Math.max((from[j] ?? 0) - 1, 0);
    const came = (deliveries[i] ?? 0) + ((at[i + 1] ?? windows) < high ? (deliveries[i + 1] ?? 0) : 0);
    return came > nominalTo(high) - nominalTo(low) - 0.5;
  };
}
