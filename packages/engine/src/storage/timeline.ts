import { formatEpochMs, KitError, parseTime, type TimelinePage, timelineBound } from '@pik/schema';
import type { TimelineQuery } from '../api/pipeline.ts';
import type { Page } from '../ports/queries.ts';
import type { EventRow } from '../ports/rows.ts';
import { boundedPage, type PageQuery } from '../runtime/bounded-page.ts';
import type { Context } from '../runtime/context.ts';
import { readFirst } from '../runtime/pages.ts';
import { plainInstant, plainTime } from '../runtime/rules/plain-time.ts';
import { eventView } from './rules/event-view.ts';
import { similarEntities } from './similar-entities.ts';

/** The earliest time that an event can have. */
export const EVENT_TIME_START = { epoch_ms: -62_135_596_800_000, sub_ms_ns: 0 };
/** One millisecond after the latest time that an event can have: ranges are half-open. */
export const EVENT_TIME_END = { epoch_ms: 253_402_300_800_000, sub_ms_ns: 0 };

/** Lists an entity's events in order of event time, as known at `asOfMs`. */
export async function timeline(context: Context, query: TimelineQuery): Promise<TimelinePage> {
  const asOfMs = query.asOfMs ?? context.clock.now();
  const read = (part: PageQuery) => timelineRows(context, { ...query, asOfMs, ...part });
  const page = await boundedPage(context.budget, query, read);
  const isEmpty = page.items.length === 0 && page.next === null && query.cursor === null;
  return {
    events: page.items.map(eventView),
    ...(isEmpty ? { empty: await whyNoEvents(context, { ...query, asOfMs }) } : {}),
    as_of: formatEpochMs(asOfMs),
    next_cursor: page.next,
    ...page.cut,
  };
}

/** The rows behind a page. Entities may share a hash prefix, so the page is filtered by the entity id. */
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
  if (time === null) throw new KitError('REQUEST_INVALID', 'a bound is not a valid time');
  return time;
}

/** Explains in one sentence which bound leaves the timeline of an entity empty. */
async function whyNoEvents(context: Context, query: TimelineQuery & { asOfMs: number }): Promise<string> {
  const { entity_id, start_time, end_time, asOfMs } = query;
  const firstBy = async (timeMs: number) => {
    const ever = { entity_id, start_time: null, end_time: null, asOfMs: timeMs, limit: 1 };
    return (await readFirst((cursor) => timelineRows(context, { ...ever, cursor }), 1)).items[0];
  };
  const known = await firstBy(asOfMs);
  if (known !== undefined) {
    const range = `${start_time === null ? '' : ` from ${plainInstant(start_time)}`}${end_time === null ? '' : ` to ${plainInstant(end_time)}`}`;
    return `The entity has events, the first at ${plainTime(known.event_ms)}, and none in the range${range}.`;
  }
  const later = await firstBy(Number.MAX_SAFE_INTEGER);
  if (later === undefined) {
    const similar = await similarEntities(context, entity_id, { asOfMs, time: null });
    return ['No event of this entity is known.', ...similar.map(({ text }) => text)].join(' ');
  }
  return `No event of the entity had been received by ${plainTime(asOfMs)}; one of ${plainTime(later.event_ms)} came at ${plainTime(later.received_ms)}.`;
}
