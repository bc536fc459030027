import type { IdentityRule } from '@pik/schema';

import type { EventOutcome, EventRow } from '../../../ports/rows.ts';

/** Identity rules by their number in the index. Part of the data format: append, never reorder. */
const RULES: readonly IdentityRule[] = ['key', 'occurrence', 'content'];

/** The number of an identity rule. */
export function ruleNumber(rule: IdentityRule): number {
  return RULES.indexOf(rule);
}

/** The identity rule with a number. */
export function ruleOf(number: number): IdentityRule {
  return RULES[number] as IdentityRule;
}

/** Outcomes by their number in `standing`. Part of the data format: append, never reorder. */
const OUTCOMES: readonly EventOutcome[] = ['ACCEPTED', 'DUPLICATE', 'CONFLICT'];
const LIVE_TOO = 4;

/** Encodes outcome and liveness of a first receipt; null if it was new and its rank shows whether it is live. */
export function standingValue({ answered, rank, live }: EventRow): number | null {
  const standing = OUTCOMES.indexOf(answered) | (rank !== null && live ? LIVE_TOO : 0);
  return standing === 0 ? null : standing;
}

/** The answered outcome of a first receipt, from the value of `standing`. */
export function answeredOf(standing: number | null): EventOutcome {
  return OUTCOMES[(standing ?? 0) & 3] as EventOutcome;
}

/** True if an import that is the first receipt has a live receipt too, from the value of `standing`. */
export function isLiveToo(standing: number | null): boolean {
  return ((standing ?? 0) & LIVE_TOO) !== 0;
}
