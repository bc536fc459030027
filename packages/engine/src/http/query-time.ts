import { createWindows, type Instant, KitError, type MomentBase, momentFault, parseMoment } from '@pik/schema';

import type { InvestigatePipeline } from '../api/pipeline.ts';
import { invalid } from './query.ts';

/** The half-open range of a query, both ends optional. */
interface RangeQuery {
  readonly start_time?: string | undefined;
  readonly end_time?: string | undefined;
}

/**
 * What the times of a query count from: its zone, and now by the server's clock. On a further page of a report that is the
 * time of its first page, so that `2h` means the same on all of them.
 *
 * @throws KitError `REQUEST_INVALID` for an unknown zone, `CURSOR_INVALID`.
 */
export function momentBase(
  pipeline: Pick<InvestigatePipeline, 'nowOf'>,
  query: { readonly time_zone?: string | undefined },
  reportCursor?: string,
): MomentBase {
  const timeZone = query.time_zone ?? 'UTC';
  checkZone(timeZone);
  return { nowMs: pipeline.nowOf(reportCursor ?? null), timeZone };
}

function checkZone(timeZone: string): void {
  try {
    createWindows('day', timeZone);
  } catch (error) {
    if (KitError.is(error)) throw invalid('time_zone', 'is not a time zone that this server knows');
    throw error;
  }
}

/** The instant that a field of a query names, null where it is absent. Throws `REQUEST_INVALID` with the reason. */
export function readInstant(field: string, text: string | undefined, base: MomentBase): Instant | null {
  if (text === undefined) return null;
  const instant = parseMoment(text, base);
  if (instant === null) throw invalid(field, `cannot be read: ${momentFault(text)}`);
  return instant;
}

/** `as_of` in milliseconds: what was received by then. Receive times are whole milliseconds, so rounding down is exact. */
export function readAsOf({ as_of }: { readonly as_of?: string | undefined }, base: MomentBase): number | null {
  return readInstant('as_of', as_of, base)?.epoch_ms ?? null;
}

/** The range as fixed-width times. Throws `REQUEST_INVALID` unless start lies before end. */
export function readRange(query: RangeQuery, base: MomentBase): { start_time: string | null; end_time: string | null } {
  const start_time = readInstant('start_time', query.start_time, base)?.utc ?? null;
  const end_time = readInstant('end_time', query.end_time, base)?.utc ?? null;
  // Fixed-width texts: their order is the order of time, to the nanosecond.
  if (start_time !== null && end_time !== null && start_time >= end_time) throw emptyRange();
  return { start_time, end_time };
}

/** The range in whole milliseconds. Throws as `readRange`. */
export function readRangeMs(query: RangeQuery, base: MomentBase): { fromMs: number | null; toMs: number | null } {
  const fromMs = ceilMs(readInstant('start_time', query.start_time, base));
  const toMs = ceilMs(readInstant('end_time', query.end_time, base));
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
