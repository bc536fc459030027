import { formatEpochMs, KitError, parseTime, type TimelinePage, timelineBound } from '@pik/schema';

import { eventView } from '../domain/event-view.ts';
import type { TimelineQuery } from '../pipeline.ts';
import type { Page } from '../ports/queries.ts';
import type { EventRow } from '../ports/rows.ts';
import type { Context } from './context.ts';

/** The first time that an event can have. */
export const EVENT_TIME_START = { epoch_ms: -62_135_596_800_000, sub_ms_ns: 0 };
/** One millisecond after the last time that an event can have: ranges are half-open. */
export const EVENT_TIME_END = { epoch_ms: 253_402_300_800_000, sub_ms_ns: 0 };

/** A page of an entity's events, in order of event time, as they were known at `asOfMs`. */
export async function timeline(context: Context, query: TimelineQuery): Promise<TimelinePage> {
  const asOfMs = query.asOfMs ?? context.backend.clock.now();
  const page = await timelineRows(context, { ...query, asOfMs });
  return { events: page.items.map(eventView), as_of: formatEpochMs(asOfMs), next_cursor: page.next };
}

/** The rows behind a page. Entities may share a hash prefix, so the page is filtered by the id itself. */
export async function timelineRows(
  context: Context,
  query: TimelineQuery & { asOfMs: number },
): Promise<Page<EventRow>> {
  const { entity_id, start_time, end_time, asOfMs, limit, cursor } = query;
  const page = await context.backend.index.listTimeline({
    from: timelineBound(entity_id, start_time === null ? EVENT_TIME_START : instant(start_time)),
    to: timelineBound(entity_id, end_time === null ? EVENT_TIME_END : instant(end_time)),
    asOfMs,
    limit,
    cursor,
  });
  return { items: page.items.filter((row) => row.entity_id === entity_id), next: page.next };
}

function instant(text: string): { epoch_ms: number; sub_ms_ns: number } {
  const time = parseTime(text);
  if (time === null) throw new KitError('REQUEST_INVALID', 'a bound is no time');
  return time;
}
