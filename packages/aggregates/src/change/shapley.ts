import { at, greatestOf, KitError, LIMITS } from '@pik/schema';

/**
 * The exact Shapley value of each player (L. S. Shapley, "A value for n-person games", 1953): its mean contribution
 * over all orders in which players can join. Calls `value` once for each set of players, one bit per player. Sums the
 * numerators before the only division, so that whole numbers lose nothing before it; `balanceParts` distributes the
 * rest.
 *
 * @throws KitError `CONFIG_INVALID` for more players than the limit.
 */
export function shapleyParts(players: number, value: (set: number) => number): number[] {
  if (players > LIMITS.change_classes_max)
    throw new KitError('CONFIG_INVALID', `more than ${LIMITS.change_classes_max} classes cannot share a change`);
  const values = Array.from({ length: 2 ** players }, (_, set) => value(set));
  const parts = Array.from({ length: players }, (_, player) => {
    let sum = 0;
    for (let set = 0; set < values.length; set++) {
      if ((set & (1 << player)) !== 0) continue;
      const size = bitCount(set);
      const gain = at(values, set | (1 << player)) - at(values, set);
      sum += factorial(size) * factorial(players - size - 1) * gain;
    }
    return sum / factorial(players);
  });
  return balanceParts(parts, at(values, values.length - 1) - at(values, 0));
}

/** Bits of a double's significand. */
const DIGITS = 52;

/**
 * Adjusts the parts so that their sum is the total in any order of addition, if the total is a whole number: the
 * largest part takes the rounding error, on a grid on which no sum is rounded again. For fractions without such a grid
 * the sum equals the total up to its last digits.
 */
export function balanceParts(parts: readonly number[], total: number): number[] {
  if (parts.length === 0 || plainSum(parts) === total) return [...parts];
  const size = greatestOf(parts.map(Math.abs), Math.abs(total)) * parts.length;
  const step = 2 ** (Math.ceil(Math.log2(size)) - DIGITS);
  const onGrid = Number.isInteger(total / step);
  const balanced = onGrid ? parts.map((part) => Math.round(part / step) * step) : [...parts];
  const largest = balanced.reduce((best, part, i) => (Math.abs(part) > Math.abs(balanced[best] ?? 0) ? i : best), 0);
  balanced[largest] = (balanced[largest] ?? 0) + (total - plainSum(balanced));
  return balanced;
}

/** The sum in the given order. */
export function plainSum(terms: readonly number[]): number {
  return terms.reduce((sum, term) => sum + term, 0);
}

function bitCount(set: number): number {
  let bits = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) bits += 1;
  return bits;
}

function factorial(n: number): number {
  return n < 2 ? 1 : n * factorial(n - 1);
}
