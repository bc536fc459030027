import { KitError } from '@pik/schema';

import type { Cut } from '../runtime/rules/cut.ts';

/**
 * The parts of an answer that are looked up one after the other while the budget lasts. Whatever a part adds to before its end
 * stays; what could not be looked at is named.
 */
export interface Attempts {
  /** What could not be looked at, or not to the end. */
  readonly missed: readonly string[];
  /** What `look` finds, or `otherwise` where the budget ends first. `what` names it for a note. */
  run<T>(what: string, look: () => Promise<T>, otherwise: T): Promise<T>;
  /** That the answer is cut, as it says so; nothing where it is whole. */
  cut(): Cut;
}

/** Attempts in the context of a question whose reads reject with `BUDGET_EXCEEDED` once the budget is used up. */
export function createAttempts(): Attempts {
  const missed: string[] = [];
  return {
    missed,
    async run(what, look, otherwise) {
      try {
        return await look();
      } catch (error) {
        if (!KitError.is(error) || error.code !== 'BUDGET_EXCEEDED') throw error;
        missed.push(what);
        return otherwise;
      }
    },
    cut() {
      if (missed.length === 0) return {};
      return {
        partial: true,
        notes: [`the question takes more than one answer may; not looked at, or not to the end: ${missed.join('; ')}`],
      };
    },
  };
}
