import { LIMITS } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainSum, shapleyParts } from './shapley.ts';

// A game gives each set of players a value; sets are bits. Values are whole numbers, as most metrics are.

const game = fc.integer({ min: 1, max: 5 }).chain((players) =>
  fc.record({
    players: fc.constant(players),
    values: fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 2 ** players, maxLength: 2 ** players }),
  }),
);

const partsOf = (values: readonly number[], players: number) => shapleyParts(players, (set) => values[set] as number);

function orders(players: readonly number[]): number[][] {
  if (players.length === 0) return [[]];
  return players.flatMap((first) => orders(players.filter((one) => one !== first)).map((rest) => [first, ...rest]));
}

/** The definition: the mean of what a player adds over all orders in which they join. */
function byOrders(values: readonly number[], players: number): number[] {
  const sums = new Array<number>(players).fill(0);
  const all = orders([...sums.keys()]);
  for (const order of all) {
    let set = 0;
    for (const player of order) {
      const joined = set | (1 << player);
      sums[player] = (sums[player] as number) + (values[joined] as number) - (values[set] as number);
      set = joined;
    }
  }
  return sums.map((sum) => sum / all.length);
}

describe('Shapley parts', () => {
  it('sum exactly to what all players together add', () => {
    fc.assert(
      fc.property(game, ({ players, values }) => {
        expect(plainSum(partsOf(values, players))).toBe((values.at(-1) as number) - (values[0] as number));
      }),
      runs(2_000),
    );
  });

  it('are the means over all orders', () => {
    fc.assert(
      fc.property(game, ({ players, values }) => {
        const brute = byOrders(values, players);
        for (const [i, part] of partsOf(values, players).entries()) expect(part).toBeCloseTo(brute[i] as number, 6);
      }),
      runs(100),
    );
  });

  it('are equal for players that add the same to every set', () => {
    fc.assert(
      fc.property(game, ({ players, values }) => {
        fc.pre(players > 1);
        // Players 0 and 1 are interchangeable: a set with either of them has the same value.
        const alike = values.map((value, set) => ((set & 3) === 2 ? (values[set ^ 3] as number) : value));
        const [a, b] = partsOf(alike, players);
        expect(a).toBeCloseTo(b as number, 6);
      }),
      runs(100),
    );
  });

  it('of a player that adds the same to every set are that amount, and zero for a player that adds nothing', () => {
    fc.assert(
      fc.property(game, fc.constantFrom(0, 7), ({ players, values }, own) => {
        const dummy = values.map((value, set) => ((set & 1) === 1 ? (values[set ^ 1] as number) + own : value));
        expect(partsOf(dummy, players)[0]).toBeCloseTo(own, 6);
      }),
      runs(100),
    );
  });

  it('do not depend on the order of the players', () => {
    fc.assert(
      fc.property(game, fc.nat(), ({ players, values }, turn) => {
        const moved = (player: number) => (player + turn) % players;
        const renamed = (set: number) =>
          [...Array(players).keys()].reduce((made, p) => ((set & (1 << p)) === 0 ? made : made | (1 << moved(p))), 0);
        const other = new Array<number>(values.length);
        for (const [set, value] of values.entries()) other[renamed(set)] = value;
        const parts = partsOf(values, players);
        const turned = partsOf(other, players);
        for (const [p, part] of parts.entries()) expect(turned[moved(p)]).toBeCloseTo(part, 6);
      }),
      runs(100),
    );
  });

  it('call value once per set, and are refused beyond the limit', () => {
    const asked: number[] = [];
    shapleyParts(LIMITS.change_classes_max, (set) => asked.push(set));
    expect(asked).toHaveLength(LIMITS.change_folds_max);
    expect(new Set(asked).size).toBe(LIMITS.change_folds_max);
    expect(() => shapleyParts(LIMITS.change_classes_max + 1, () => 0)).toThrow(/classes/);
  });
});
