import { type Instant, parseTime, timeFault } from '@pik/schema';

import { invalid } from './query.ts';

/** The half-open range of a query, both ends optional. */
interface RangeQuery {
  readonly start_time?: string | undefined;
  readonly end_time?: string | undefined;
}

/** The instant that a field of a query names, null where it is absent. Throws `REQUEST_INVALID` with the reason. */
export function readInstant(field: string, text: string | undefined): Instant | null {
  if (text === undefined) return null;
  const instant = parseTime(text);
  if (instant === null) throw invalid(field, `cannot be read: ${timeFault(text).hint}`);
  return instant;
}

/** `as_of` in milliseconds: what was received by then. Receive times are whole milliseconds, so rounding down is exact. */
export function readAsOf({ as_of }: { readonly as_of?: string | undefined }): number | null {
  return readInstant('as_of', as_of)?.epoch_ms ?? null;
}

/** The range as it was given, checked. Throws `REQUEST_INVALID` unless start lies before end. */
export function checkRange(query: RangeQuery): { start_time: string | null; end_time: string | null } {
  const start = readInstant('start_time', query.start_time);
  const end = readInstant('end_time', query.end_time);
  // Fixed-width texts: their order is the order of time, to the nanosecond.
  if (start !== null && end !== null && start.utc >= end.utc) throw emptyRange();
  return { start_time: query.start_time ?? null, end_time: query.end_time ?? null };
}

/** The range in whole milliseconds. Throws as `checkRange`. */
export function readRangeMs(query: RangeQuery): { fromMs: number | null; toMs: number | null } {
  const fromMs = ceilMs(readInstant('start_time', query.start_time));
  const toMs = ceilMs(readInstant('end_time', query.end_time));
  if (fromMs !== null && toMs !== null && fromMs >= toMs) throw emptyRange();
  return { fromMs, toMs };
}

/** Rounding up is exact for whole milliseconds: t lies at or after a bound when it lies at or after the bound rounded up. */
function ceilMs(instant: Instant | null): number | null {
  return instant === null ? null : instant.epoch_ms + (instant.sub_ms_ns > 0 ? 1 : 0);
}

function emptyRange() {
  return invalid('start_time', 'must lie before end_time');
}
