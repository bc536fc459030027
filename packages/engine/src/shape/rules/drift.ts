import type { Drift, JsonType } from '@pik/schema';

import { fisherLogP } from '../../compare/rules/fisher.ts';
import { type Place, placesOf } from './place.ts';

/** The probability that an answer about payloads that have not changed names a drift. */
const P_MAX = 0.01;
/** How much rarer a path must become. */
const RARER = 0.5;

/** A drift that was tested, before the correction. */
export interface TestedDrift {
  readonly series: number;
  readonly drift: Omit<Drift, 'p'>;
  readonly logP: number;
}

/** Events of a series before and since. */
type Eras = readonly [before: number, since: number];

/** The changes of one series: each path and each of its types is one test. */
export function testDrift(series: number, payload: Place, total: Eras): { found: TestedDrift[]; tests: number } {
  const found: TestedDrift[] = [];
  let tests = 0;
  if (total[0] === 0 || total[1] === 0) return { found, tests };
  for (const place of placesOf(payload)) {
    tests += 1;
    const change = changeOf(place.events, total);
    if (change !== null) {
      const drift = { kind: change, path: place.path, type: null, ...sharesOf(place.events, total) };
      found.push({ series, drift, logP: logPOf(place.events, total) });
    }
    const all = valuesOf(place);
    for (const [type, counts] of typesOf(place)) {
      tests += 1;
      // A type of a new path is not a change of type.
      if (counts[0] > 0 || all[0] === 0) continue;
      const drift = { kind: 'TYPE', path: place.path, type, ...sharesOf(counts, all) } as const;
      found.push({ series, drift, logP: logPOf(counts, all) });
    }
  }
  return { found, tests };
}

/** The drifts that hold after the correction for all tests (Bonferroni), the surest first. */
export function surest(found: readonly TestedDrift[], tests: number): { series: number; drift: Drift }[] {
  return found
    .flatMap(({ series, drift, logP }) => {
      const p = Math.min(1, Math.exp(logP) * Math.max(1, tests));
      return p <= P_MAX ? [{ series, drift: { ...drift, p }, logP }] : [];
    })
    .sort((x, y) => x.logP - y.logP || (x.drift.path < y.drift.path ? -1 : 1))
    .map(({ series, drift }) => ({ series, drift }));
}

function changeOf([before, since]: Eras, total: Eras): 'NEW' | 'GONE' | 'RARER' | null {
  if (before === 0) return 'NEW';
  if (since === 0) return 'GONE';
  return since / total[1] < RARER * (before / total[0]) ? 'RARER' : null;
}

function sharesOf([before, since]: Eras, total: Eras): Pick<Drift, 'share_before' | 'share_since'> {
  const share = (count: number, of: number) => (of === 0 ? 0 : count / of);
  return { share_before: share(before, total[0]), share_since: share(since, total[1]) };
}

function logPOf([before, since]: Eras, total: Eras): number {
  return fisherLogP({ aCount: since, aTotal: total[1], bCount: before, bTotal: total[0] });
}

/** Whole and other numbers are one type: whether a price is whole is chance. */
function typesOf({ types }: Place): Map<JsonType, Eras> {
  const merged = new Map<JsonType, Eras>();
  for (const [type, counts] of types) {
    const name = type === 'integer' ? 'number' : type;
    const [before, since] = merged.get(name) ?? [0, 0];
    merged.set(name, [before + counts[0], since + counts[1]]);
  }
  return merged;
}

function valuesOf({ types }: Place): Eras {
  let [before, since] = [0, 0];
  for (const [one, other] of types.values()) [before, since] = [before + one, since + other];
  return [before, since];
}
