/** The outcome of a receipt; each receipt has exactly one. */
export const OUTCOMES = ['ACCEPTED', 'DUPLICATE', 'CONFLICT', 'REJECTED'] as const;

/**
 * `ACCEPTED` new; `DUPLICATE` a repeat; `CONFLICT` same key, other payload, both stored; `REJECTED` stored, with a
 * reason.
 */
export type Outcome = (typeof OUTCOMES)[number];

/** The answer of ingest for one record: its outcome, or `PENDING` (bytes durable, not yet admitted, safe to repeat). */
export const STATUSES = [...OUTCOMES, 'PENDING'] as const;

/** An outcome, or `PENDING`, which is an answer and not an outcome. */
export type Status = (typeof STATUSES)[number];

/** One letter per outcome. A PACK row stores one letter per line of the pack. */
export const OUTCOME_LETTERS = { ACCEPTED: 'A', DUPLICATE: 'D', CONFLICT: 'C', REJECTED: 'R' } as const;

/** One character of a PACK row's outcomes. */
export type OutcomeLetter = (typeof OUTCOME_LETTERS)[Outcome];

/** The outcome of each letter of a PACK row. */
export const LETTER_OUTCOMES = { A: 'ACCEPTED', D: 'DUPLICATE', C: 'CONFLICT', R: 'REJECTED' } as const;
