import { greatestOf, KitError, LIMITS } from '@pik/schema';

/**
 * The exact Shapley value of each player (L. S. Shapley, "A value for n-person games", 1953): its mean contribution over
 * all orders in which players can join. `value` is asked once for each set of players, a bit each. Numerators are summed
 * before the one division, so that parts of whole numbers lose nothing before it; `balanceParts` takes up what is left.
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
      const gain = (values[set | (1 << player)] as number) - (values[set] as number);
      sum += factorial(size) * factorial(players - size - 1) * gain;
    }
    return sum / factorial(players);
  });
  return balanceParts(parts, (values.at(-1) as number) - (values[0] as number));
}

/** Bits that a double has for its digits. */
const DIGITS = 52;

/**
 * The parts so that their sum is the total, in whatever order they are added, where the total is a whole number: what
 * rounding left goes to the largest, on a grid on which no sum of them is rounded again. For fractions that have no such
 * grid the sum is the total to its last digits.
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
