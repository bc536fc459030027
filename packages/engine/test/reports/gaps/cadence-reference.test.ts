import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exponential, normal } from '@pik/testkit/fixtures/engine/arrivals';
import { seeded } from '@pik/testkit/fixtures/seeded';
import { describe, expect, it } from 'vitest';
import { judgeLife, namedWindows, usualDeliveries } from '../../../src/reports/gaps/rules/cadence/cadence.ts';
import type { Counts } from '../../../src/reports/gaps/rules/cadence/counts.ts';
import { logAtMost } from '../../../src/reports/gaps/rules/cadence/partial.ts';
import { emptySurprise } from '../../../src/reports/gaps/rules/cadence/profile.ts';
import { surprisesOf } from '../../../src/reports/gaps/rules/cadence/silences.ts';
import { SLOT_SCHEMES } from '../../../src/reports/gaps/rules/cadence/slots.ts';
import { finish, sortInPieces } from '../../../src/reports/gaps/rules/cadence/steps.ts';
import { extremalIndex, Tail } from '../../../src/reports/gaps/rules/cadence/tail.ts';
import { intervalOf, ticksOf } from '../../../src/reports/gaps/rules/cadence/ticks.ts';

// The model was validated with a reference in Python before it was built here. `cadence-reference.json` has series of
// its processes, one character per window from the first delivery on, and the findings of the reference.

interface Reference {
  readonly name: string;
  readonly grain: 'hour' | 'day';
  /** The slot of the first window. */
  readonly start: number;
  readonly range: [number, number];
  readonly judged: number;
  /** Per window, in base 36. */
  readonly deliveries: string;
  /** Per window with deliveries. */
  readonly rows?: number[];
  readonly first?: number[];
  readonly last?: number[];
  readonly expected: {
    readonly ticks: boolean;
    readonly dispersion: number;
    readonly surprise: number;
    readonly deliveries: number;
    readonly named: (string | number)[][];
    readonly openIsOutage: boolean;
  };
}

const references = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../support/cadence-reference.json'), 'utf8'),
) as Reference[];

function countsOf({ deliveries, rows, first, last, grain, start }: Reference): Counts {
  const all = [...deliveries].map((digit) => Number.parseInt(digit, 36));
  const at = all.flatMap((count, window) => (count > 0 ? [window] : []));
  const counts = Float64Array.from(at, (window) => all[window] as number);
  const half = new Float64Array(at.length).fill(0.5);
  const inHours = (minutes: number[] | undefined) =>
    minutes === undefined ? half : Float64Array.from(minutes, (minute) => minute / 60);
  return {
    windows: all.length,
    at: Float64Array.from(at),
    deliveries: counts,
    rows: rows === undefined ? counts : Float64Array.from(rows),
    places: { first: inHours(first), last: inHours(last) },
    scheme: SLOT_SCHEMES[grain],
    turns: [[{ from: 0, phase: start }]],
  };
}

describe('the reference', () => {
  it.each(references.map((one, i) => [`${one.name} ${i}`, one] as const))(
    'agrees with this implementation for %s',
    (_, reference) => {
      const counts = countsOf(reference);
      const { expected, judged } = reference;
      const interval = finish(intervalOf(counts.at));
      expect(interval !== null).toBe(expected.ticks);
      if (interval === null) {
        const verdict = finish(judgeLife(counts, { range: reference.range, judged }));
        expect(
          namedWindows(verdict, reference.range).map(({ kind, from, to, named }) => [kind, from, to, named]),
        ).toEqual(expected.named);
        expect(verdict.openIsOutage).toBe(expected.openIsOutage);
        expectNear(verdict.profile.dispersion, expected.dispersion);
        expectNear(usualDeliveries(verdict)(0, counts.windows), expected.deliveries);
        expectNear(verdict.profile.layout.sums(verdict.profile.surprise)(counts.windows), expected.surprise);
        return;
      }
      const ticks = ticksOf(counts, interval);
      const range = reference.range.map((window) => [...ticks.at].filter((tick) => tick < window).length);
      const verdict = finish(judgeLife(ticks.counts, { range: range as [number, number], judged, windowsMin: 12 }));
      const named = namedWindows(verdict, range as [number, number]).map(({ kind, from, to }) => {
        const before = counts.at.findLast((window) => window < (ticks.at[from] as number)) as number;
        return [kind, Math.max(before + 1, (ticks.at[from] as number) - ticks.deviation), ticks.at[to]];
      });
      expect(named).toEqual(expected.named);
      expectNear(verdict.profile.dispersion, expected.dispersion);
    },
  );
});

/** Sums are added in another order, and another one of equal silences may be set aside: one part in a hundred. */
const expectNear = (found: number, expected: number) =>
  expect(Math.abs(found - expected)).toBeLessThanOrEqual(0.01 * Math.abs(expected));

describe('surprise', () => {
  it('13: is continuous where the variance equals the mean, and is right for a clock, for chance and for batches', () => {
    for (const mean of [0.05, 1, 7]) {
      for (const step of [1e-7, 1e-5, 1e-3]) {
        expect(emptySurprise(mean, 1 + step)).toBeCloseTo(mean, 2);
        expect(emptySurprise(mean, 1 - step)).toBeCloseTo(mean, 2);
      }
      expect(emptySurprise(mean, 1)).toBe(mean);
    }
    // One delivery with probability 1 − p: variance over mean is p, and an empty window has probability p.
    for (const p of [0.01, 0.05, 0.2]) expect(emptySurprise(1 - p, p)).toBeCloseTo(-Math.log(p), 10);
    // Negative binomial with size r: (1/D)^r.
    for (const [mean, d] of [
      [5, 4],
      [1, 3],
    ] as const)
      expect(emptySurprise(mean, d)).toBeCloseTo((mean / (d - 1)) * Math.log(d), 10);
  });

  it('of at most n deliveries is the sum of the probabilities of 0 to n', () => {
    let poisson = 0;
    for (let k = 0, term = Math.exp(-30); k <= 12; k++, term *= 30 / k) poisson += term;
    expect(logAtMost(12, 30, 1)).toBeCloseTo(Math.log(poisson), 9);
    expect(logAtMost(0, 3, 2)).toBeCloseTo(-emptySurprise(3, 2), 12);
    // Of 20 with probability 0.9 each: variance over mean is 0.1.
    let binomial = 0;
    for (let k = 0, term = 0.1 ** 20; k <= 14; k++, term *= ((20 - k + 1) / k) * 9) binomial += term;
    expect(logAtMost(14, 18, 0.1)).toBeCloseTo(Math.log(binomial), 6);
    expect(logAtMost(10_000, 5, 3)).toBeCloseTo(0, 6);
  });
});

describe('tails', () => {
  const learn = (values: number[]) => {
    const sorted = Float64Array.from(values);
    sorted.sort();
    return finish(Tail.learn(sorted, { rate: 1, isClock: false })).fit(1);
  };

  it('14: of a thousand exponential silences is exponential, to a factor that grows with the distance', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const random = seeded(seed);
      const survival = learn(Array.from({ length: 1_000 }, () => exponential(random)));
      for (const x of [1, 2, 4]) {
        expect(survival(x)).toBeGreaterThan(Math.exp(-x) / 1.5);
        expect(survival(x)).toBeLessThan(Math.exp(-x) * 1.5);
      }
    }
  });

  it('of heavy-tailed silences is heavy: a silence as long as the longest of a thousand is plausible in the next thousand', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const random = seeded(seed);
      const values = Array.from({ length: 1_000 }, () => Math.exp(1.5 * normal(random)));
      expect(1_000 * learn(values)(Math.max(...values))).toBeGreaterThan(0.05);
    }
  });

  it('single places count fully, clustered places by the number of clusters', () => {
    const apart = Float64Array.from({ length: 100 }, (_, i) => i * 20 + ((i * 7) % 13));
    expect(extremalIndex(apart)).toBeGreaterThan(0.8);
    const clusters = Float64Array.from({ length: 100 }, (_, i) => Math.floor(i / 5) * 400 + (i % 5));
    expect(extremalIndex(clusters)).toBeLessThan(0.5);
  });

  it('sorting in pieces sorts arrays of any length', () => {
    const random = seeded(3);
    for (const length of [0, 1, 16_384, 16_385, 50_000, 70_001]) {
      const values = Float64Array.from({ length }, () => random());
      const sorted = values.slice();
      finish(sortInPieces(sorted));
      expect(sorted).toEqual(values.slice().sort());
    }
  });
});

it('the surprise of a silence is the sum over its windows after the first, across all blocks and turns', () => {
  const reference = references.find(({ name }) => name.startsWith('growth')) as Reference;
  const counts = countsOf(reference);
  const half = Math.floor(counts.windows / 2) + 5;
  // As at a change of clocks: the slots differ from the middle on.
  const turned = {
    ...counts,
    turns: [
      [
        { from: 0, phase: 3 },
        { from: half, phase: 7 },
      ],
    ],
  };
  const { profile, silences } = finish(judgeLife(turned, { range: [0, counts.windows], judged: 1 }));
  const sums = surprisesOf(profile, silences);
  for (let j = 0; j < silences.count; j++) {
    let sum = 0;
    for (let t = (silences.from[j] as number) + 1; t < (silences.to[j] as number); t++)
      sum += profile.surprise[profile.layout.cellAt(t)] as number;
    expect(sums[j]).toBeCloseTo(sum, 9);
  }
  const slotOf = (t: number) => (t + (t < half ? 3 : 7)) % 168;
  for (let t = 0; t < counts.windows; t++) expect(profile.layout.cellAt(t) % 168).toBe(slotOf(t));
});
