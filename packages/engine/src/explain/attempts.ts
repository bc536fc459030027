import { KitError } from '@pik/schema';

import type { Cut } from '../runtime/rules/cut.ts';

/**
 * Looks up the parts of an answer one after another while the budget lasts. Partial results of a part are kept, and every
 * part that was not completed is listed.
 */
export interface Attempts {
  /** The parts that were not looked up, or not to the end. */
  readonly missed: readonly string[];
  /** Returns the result of `look`, or `otherwise` if the budget ends first. `what` names the part in `missed`. */
  run<T>(what: string, look: () => Promise<T>, otherwise: T): Promise<T>;
  /** The fields that mark the answer as partial; empty if it is complete. */
  partialAnswer(): Cut;
}

/** Creates attempts for a question whose reads reject with `BUDGET_EXCEEDED` once the budget is used up. */
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
    partialAnswer() {
      if (missed.length === 0) return {};
      return {
        partial: true,
        notes: [
          `the question exceeds the limits of one answer; not looked at, or not to the end: ${missed.join('; ')}`,
        ],
      };
    },
  };
}
