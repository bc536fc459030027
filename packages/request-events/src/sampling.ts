/** The last eight digits: random in every trace id, and whole in 32 bits. */
const DIGITS = -8;
const RANGE = 2 ** 32;

/**
 * Whether a trace is among the share that is kept. It depends on the trace id alone, so that services which sample at
 * one rate keep the same traces, whole, and a lower rate keeps some of those that a higher one keeps.
 */
export function isSampled(traceId: string, rate: number): boolean {
  return rate >= 1 || Number.parseInt(traceId.slice(DIGITS), 16) < rate * RANGE;
}
