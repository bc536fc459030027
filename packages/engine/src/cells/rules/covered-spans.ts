import { MS_PER_HOUR } from '@pik/schema';

import type { ClosedHour } from '../../ports/closed-hours.ts';
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
