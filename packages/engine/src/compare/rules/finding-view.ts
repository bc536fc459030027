import type { CompareCondition, CompareFinding } from '@pik/schema';
import type { Counts } from './cells.ts';
import type { Explanation } from './explanations.ts';
import type { ItemSet } from './items.ts';
import type { Pattern } from './mine.ts';
import { conditionsText } from './path-text.ts';

/** Implied findings that are listed with the one that explains them. */
const IMPLIED_MAX = 5;

/** A finding as investigators see it, without its examples. */
export function findingView(
  { pattern, implied }: Explanation,
  { sets, rows }: { readonly sets: readonly ItemSet[]; readonly rows: Counts },
): Omit<CompareFinding, 'a_examples' | 'b_examples'> {
  const [a_count, b_count] = pattern.counts;
  const [a_share, b_share] = [a_count / rows[0], b_count / rows[1]];
  const conditions = conditionsOf(pattern, sets);
  return {
    conditions,
    where: conditionsText(conditions),
    direction: a_share > b_share ? 'MORE' : 'LESS',
    a_count,
    b_count,
    a_share,
    b_share,
    lift: b_share === 0 ? null : a_share / b_share,
    p: Math.exp(pattern.correctedLogP),
    p_log10: pattern.correctedLogP / Math.LN10,
    implied: implied.slice(0, IMPLIED_MAX).map((one) => ({
      where: conditionsText(conditionsOf(one, sets)),
      a_count: one.counts[0],
      b_count: one.counts[1],
    })),
    implied_total: implied.length,
  };
}

/** The conditions of a pattern, in the order of its paths. */
export function conditionsOf({ items }: Pick<Pattern, 'items'>, sets: readonly ItemSet[]): CompareCondition[] {
  return items.flatMap(({ set, item }) => sets[set]?.items[item - 1]?.condition ?? []);
}
