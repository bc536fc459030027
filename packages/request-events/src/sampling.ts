/** The last eight digits: random in every trace id, and exactly 32 bits. */
const DIGITS = -8;
const RANGE = 2 ** 32;

/**
 * True if a trace is kept at this rate. Depends only on the trace id, so that services with the same rate keep the same
 * traces completely, and a lower rate keeps a subset of a higher one.
 */
export function isSampled(traceId: string, rate: number): boolean {
  return rate >= 1 || Number.parseInt(traceId.slice(DIGITS), 16) < rate * RANGE;
}
