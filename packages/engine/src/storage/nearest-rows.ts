import { positionAt, timelineBound } from '@pik/schema';

import type { EventRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { readFirst } from '../runtime/pages.ts';

/** The entity and the time to search around. */
export interface NearQuestion {
  /** Its id, or any event id of it if the entity id is unknown. */
  readonly entity: { readonly entity_id: string } | { readonly event_id: string };
  readonly time: number;
  /** The maximum distance of an event from the time. */
  readonly withinMs: number;
  readonly asOfMs: number;
  /** The maximum number of events to read on each side. */
  readonly max: number;
}

/** Events around a time, in order. */
export interface NearRows {
  readonly rows: readonly EventRow[];
  /** True if the span holds more events; the nearest on both sides are always included. */
  readonly more: boolean;
}

type Found = { items: readonly EventRow[]; more: boolean };

/** Reads the events of an entity around a time. If there are too many, it narrows the span. */
export async function rowsNear(context: Context, question: NearQuestion): Promise<NearRows> {
  const { entity, time, withinMs, asOfMs, max } = question;
  const bound = (epoch_ms: number) => {
    const at = { epoch_ms, sub_ms_ns: 0 };
    return 'entity_id' in entity ? timelineBound(entity.entity_id, at) : positionAt(entity.event_id, at);
  };
  const read = async (fromMs: number, toMs: number): Promise<Found> => {
    const range = { from: bound(fromMs), to: bound(toMs), asOfMs, limit: max };
    const { items, more } = await readFirst((cursor) => context.backend.index.listTimeline({ ...range, cursor }), max);
    // Different entities may share a hash prefix.
    return { items: items.filter((row) => !('entity_id' in entity) || row.entity_id === entity.entity_id), more };
  };
  const all = await read(time - withinMs, time + withinMs + 1);
  if (!all.more) return { rows: all.items, more: false };
  const before = await latestBefore(time, withinMs, read);
  const after = await read(time, time + withinMs + 1);
  return { rows: [...before, ...after.items], more: true };
}

/** The latest events before a time. Listings only go forward, so it searches for a span that holds few enough events. */
async function latestBefore(
  time: number,
  withinMs: number,
  read: (fromMs: number, toMs: number) => Promise<Found>,
): Promise<readonly EventRow[]> {
  let none = 0;
  let many = withinMs;
  let found = await read(time - many, time);
  while (found.more && many - none > 1) {
    const span = Math.floor((none + many) / 2);
    const part = await read(time - span, time);
    if (part.more) many = span;
    else if (part.items.length > 0) return part.items;
    else none = span;
    found = part.more ? part : found;
  }
  return found.items;
}
