import {
  type Instant,
  KitError,
  LIMITS,
  MS_PER_DAY,
  parseTime,
  type ReplaySelection,
  timelineBound,
} from '@pik/schema';
import type { EventRow, SliceRow } from '../ports/rows.ts';
import { sliceKey } from '../reports/report-slices.ts';
import type { Context } from '../runtime/context.ts';
import { readFirst } from '../runtime/pages.ts';
import { decodeEntries, type SliceEntry } from '../storage/rules/slice-codec.ts';
import { createSlicesOfTimes } from '../storage/slices-of-times.ts';
import { EVENT_TIME_END, EVENT_TIME_START } from '../storage/timeline.ts';
import { isSelected } from './rules/selection.ts';

/** The selection, as-of time, limit and start of a walk. */
export interface WalkQuery {
  readonly selection: ReplaySelection;
  readonly asOfMs: number;
  readonly limit: number;
  /** Null for the start. */
  readonly cursor: string | null;
  /** True if the stretch may end before the limit when the budget is used up. Not for a plan, whose hash covers the stretch. */
  readonly mayEndEarly?: boolean;
}

/** One stretch of a walk. */
export interface WalkPage {
  /** The selected events: those of an entity in order of event time, others by event day and request. */
  readonly rows: readonly EventRow[];
  /** Number of events of the time range that were tested. */
  readonly scanned: number;
  readonly next: string | null;
  readonly notes: readonly string[];
}

/** Rows read by id at a time. */
const ROWS_AT_ONCE = 500;

/** Walks one stretch of a selection. The same query returns the same events, whatever was received meanwhile. */
export async function walk(context: Context, query: WalkQuery): Promise<WalkPage> {
  const { selection } = query;
  if (selection.event_ids !== null) return walkIds(context, { ...query, ids: selection.event_ids });
  return selection.entity_id === null
    ? walkSlices(context, query)
    : walkEntity(context, { ...query, entityId: selection.entity_id });
}

/** Whether a stretch ends before its limit. */
function endsEarly({ budget }: Context, { mayEndEarly = false }: WalkQuery): boolean {
  return mayEndEarly && budget.spent() !== null;
}

async function walkIds(context: Context, query: WalkQuery & { ids: readonly string[] }): Promise<WalkPage> {
  const start = query.cursor === null ? 0 : Number(query.cursor);
  if (!Number.isSafeInteger(start) || start < 0) throw new KitError('CURSOR_INVALID');
  const end = Math.min(start + query.limit, query.ids.length);
  const ids = query.ids.slice(start, end);
  const found = await context.backend.index.getEvents(ids);
  const unknown = ids.filter((_, i) => found[i] === null);
  return {
    rows: found.filter((row) => row !== null).filter((row) => isSelected(query.selection, query.asOfMs, row)),
    scanned: ids.length,
    next: end < query.ids.length ? String(end) : null,
    notes:
      unknown.length === 0
        ? []
        : [`the index has no event ${unknown.slice(0, 3).join(', ')}${unknown.length > 3 ? ', …' : ''}`],
  };
}

async function walkEntity(context: Context, query: WalkQuery & { entityId: string }): Promise<WalkPage> {
  const { selection, asOfMs, limit, entityId } = query;
  const bounds = {
    from: timelineBound(entityId, instant(selection.start_time) ?? EVENT_TIME_START),
    to: timelineBound(entityId, instant(selection.end_time) ?? EVENT_TIME_END),
    asOfMs,
  };
  // The bounds are the time range, to the nanosecond.
  const rest = { ...selection, start_time: null, end_time: null };
  const rows: EventRow[] = [];
  let scanned = 0;
  let cursor = query.cursor;
  for (;;) {
    const page = await context.backend.index.listTimeline({
      ...bounds,
      limit: Math.min(LIMITS.page_items_max, limit - scanned),
      cursor,
    });
    for (const row of page.items) if (isSelected(rest, asOfMs, row)) rows.push(row);
    scanned += page.items.length;
    cursor = page.next;
    if (cursor === null || scanned >= limit || endsEarly(context, query)) break;
    await context.budget.turn();
  }
  return { rows, scanned, next: cursor, notes: scanned === 0 ? await entityNotes(context, entityId) : [] };
}

/** Distinguishes an entity without events in the selection from one that the index has never seen. */
async function entityNotes(context: Context, entityId: string): Promise<string[]> {
  const range = {
    from: timelineBound(entityId, EVENT_TIME_START),
    to: timelineBound(entityId, EVENT_TIME_END),
    asOfMs: Number.MAX_SAFE_INTEGER,
    limit: 1,
  };
  const { items } = await readFirst((cursor) => context.backend.index.listTimeline({ ...range, cursor }), 1);
  return items.length > 0
    ? ['the entity has events, but none of them in this selection']
    : ['the index has no event of this entity'];
}

/** The place where a walk along slices continues: a page, a slice in it, and the number of entries to skip. */
interface SlicePlace {
  readonly page: string | null;
  readonly slice: string | null;
  readonly entry: number;
}

/** The state of a walk. */
interface SliceWalk {
  readonly query: WalkQuery;
  readonly isInTime: (entry: SliceEntry) => boolean;
  readonly found: Found[];
  /** The place of the cursor until its slice is reached, then null. */
  resume: SlicePlace | null;
}

interface Found {
  readonly entry: SliceEntry;
  readonly pack_id: string;
}

async function walkSlices(context: Context, query: WalkQuery): Promise<WalkPage> {
  const { clock } = context.backend;
  const { times, ...range } = sliceRange(query);
  const readSlices = createSlicesOfTimes(context, times);
  const start = query.cursor === null ? null : decodePlace(query.cursor);
  const resume = start?.slice == null ? null : start;
  const state: SliceWalk = { query, isInTime: timeTest(query.selection), found: [], resume };
  let page = start?.page ?? null;
  for (;;) {
    const { items, next } = await readSlices({ ...range, cursor: page });
    for (const slice of items) {
      const stoppedAt = takeSlice(state, slice, clock.now());
      if (stoppedAt !== null) {
        const place: SlicePlace = { page, slice: sliceKey(slice), entry: stoppedAt };
        return finishWalk(context, state, encodePlace(place));
      }
    }
    if (next === null) break;
    page = next;
    // After at least one page, so that each call makes progress.
    if (state.resume === null && endsEarly(context, query))
      return finishWalk(context, state, encodePlace({ page, slice: null, entry: 0 }));
    await context.budget.turn();
  }
  // Slices that a cursor names are never deleted, so this cursor was forged.
  if (state.resume !== null) throw new KitError('CURSOR_INVALID');
  return finishWalk(context, state, null);
}

function sliceRange({ selection, asOfMs }: WalkQuery) {
  const start = instant(selection.start_time) ?? EVENT_TIME_START;
  const end = instant(selection.end_time) ?? EVENT_TIME_END;
  return {
    fromDay: Math.floor(start.epoch_ms / MS_PER_DAY),
    toDay: Math.floor(end.epoch_ms / MS_PER_DAY) + 1,
    source: selection.source ?? undefined,
    event_type: selection.event_type ?? undefined,
    withEntries: true,
    // An end may lie within a millisecond.
    times: { eventFromMs: start.epoch_ms, eventToMs: end.epoch_ms + 1, receivedToMs: asOfMs + 1 },
  };
}

/** `isInTime` for many events of one selection: compares numbers, which sort like the texts. */
function timeTest({ start_time, end_time }: ReplaySelection): SliceWalk['isInTime'] {
  const start = instant(start_time);
  const end = instant(end_time);
  const order = (event: SliceEntry, bound: Instant) =>
    event.event_ms - bound.epoch_ms || event.event_sub_ns - bound.sub_ms_ns;
  return (event) => (start === null || order(event, start) >= 0) && (end === null || order(event, end) < 0);
}

/** Adds the selected entries of a slice. Returns the number of entries read if the limit was reached, otherwise null. */
function takeSlice(state: SliceWalk, slice: SliceRow, nowMs: number): number | null {
  const { query, found } = state;
  let skip = 0;
  if (state.resume !== null) {
    if (state.resume.slice !== sliceKey(slice)) return null;
    skip = state.resume.entry;
    state.resume = null;
  }
  if (slice.accepted === 0 || slice.received_min_ms > query.asOfMs || slice.expires_ms <= nowMs) return null;
  const entries = decodeEntries(slice.entries);
  for (let i = skip; i < entries.length; i++) {
    const entry = entries[i] as SliceEntry;
    if (entry.outcome !== 'ACCEPTED' || entry.received_ms > query.asOfMs || !state.isInTime(entry)) continue;
    if (found.length === query.limit) return i;
    found.push({ entry, pack_id: slice.pack_id });
  }
  return null;
}

/** Loads the rows of the events: slices do not hold the entity. */
async function finishWalk(context: Context, { query, found }: SliceWalk, next: string | null): Promise<WalkPage> {
  // An entry and its row have the same time.
  const rest = { ...query.selection, start_time: null, end_time: null };
  const rows: EventRow[] = [];
  for (let start = 0; start < found.length; start += ROWS_AT_ONCE) {
    const some = found.slice(start, start + ROWS_AT_ONCE);
    const events = await context.backend.index.getEvents(some.map(({ entry }) => entry.event_id));
    for (const [i, row] of events.entries()) {
      // After its retention an id may be received again in another pack; this entry is then of the old event.
      if (row?.pack_id !== some[i]?.pack_id || row?.line !== some[i]?.entry.line) continue;
      if (row !== null && isSelected(rest, query.asOfMs, row)) rows.push(row);
    }
    await context.budget.turn();
  }
  return { rows, scanned: found.length, next, notes: [] };
}

function encodePlace({ page, slice, entry }: SlicePlace): string {
  return Buffer.from(JSON.stringify([page, slice, entry])).toString('base64url');
}

function decodePlace(cursor: string): SlicePlace {
  try {
    const [page, slice, entry] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as [
      string | null,
      string | null,
      number,
    ];
    const isText = (part: unknown) => part === null || typeof part === 'string';
    if (isText(page) && isText(slice) && Number.isSafeInteger(entry) && entry >= 0) return { page, slice, entry };
  } catch {
    // Reported below, like a cursor that is JSON of another form.
  }
  throw new KitError('CURSOR_INVALID');
}

function instant(text: string | null) {
  return text === null ? null : parseTime(text);
}
