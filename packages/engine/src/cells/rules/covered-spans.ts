import { MS_PER_HOUR } from '@pik/schema';

import type { ClosedHour, ColumnZone, ReceiptFilter } from '../../ports/closed-hours.ts';
import type { StoredSpan } from '../../ports/queries.ts';

/** The spans of storage time all packs of which are in these hours, which are in order. Where a pack was found later, none is. */
export function coveredSpans(hours: readonly ClosedHour[]): StoredSpan[] {
  const spans: { fromMs: number; toMs: number }[] = [];
  for (const { hour_ms, hasLate } of hours) {
    if (hasLate) continue;
    const last = spans.at(-1);
    if (last?.toMs === hour_ms) last.toMs += MS_PER_HOUR;
    else spans.push({ fromMs: hour_ms, toMs: hour_ms + MS_PER_HOUR });
  }
  return spans;
}

/** The least and greatest times of some receipts. */
export type TimeBounds = Pick<ColumnZone, 'event_min_ms' | 'event_max_ms' | 'received_min_ms' | 'received_max_ms'>;

/** Whether receipts within bounds can have times that match. */
export function mayMatch(
  { event_min_ms, event_max_ms, received_min_ms, received_max_ms }: TimeBounds,
  { eventFromMs, eventToMs, receivedFromMs, receivedToMs }: ReceiptFilter,
): boolean {
  if (receivedFromMs !== undefined && received_max_ms < receivedFromMs) return false;
  if (receivedToMs !== undefined && received_min_ms >= receivedToMs) return false;
  if (eventFromMs !== undefined && (event_max_ms === null || event_max_ms < eventFromMs)) return false;
  return eventToMs === undefined || (event_min_ms !== null && event_min_ms < eventToMs);
}
