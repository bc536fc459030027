import { positionAt, timelineBound } from '@pik/schema';

import type { EventRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { readFirst } from '../runtime/pages.ts';

/** Around which time of which entity. */
export interface NearQuestion {
  /** Its id, or where only an event id is known any event id of it. */
  readonly entity: { readonly entity_id: string } | { readonly event_id: string };
  readonly time: number;
  /** How far away an event may lie. */
  readonly withinMs: number;
  readonly asOfMs: number;
  /** Events on each side that are read at most. */
  readonly max: number;
}

/** Events around a time, in order. */
export interface NearRows {
  readonly rows: readonly EventRow[];
  /** True where there are more than these within the span; the nearest on both sides are among them all the same. */
  readonly more: boolean;
}

type Found = { items: readonly EventRow[]; more: boolean };

/** Events of an entity around a time. An entity may have many of them in a second, so the span is narrowed where it must. */
export async function rowsNear(context: Context, question: NearQuestion): Promise<NearRows> {
  const { entity, time, withinMs, asOfMs, max } = question;
  const bound = (epoch_ms: number) => {
    const at = { epoch_ms, sub_ms_ns: 0 };
    return 'entity_id' in entity ? timelineBound(entity.entity_id, at) : positionAt(entity.event_id, at);
  };
  const read = async (fromMs: number, toMs: number): Promise<Found> => {
    const range = { from: bound(fromMs), to: bound(toMs), asOfMs, limit: max };
    const { items, more } = await readFirst((cursor) => context.backend.index.listTimeline({ ...range, cursor }), max);
    // Entities may share a hash prefix.
    return { items: items.filter((row) => !('entity_id' in entity) || row.entity_id === entity.entity_id), more };
  };
  const all = await read(time - withinMs, time + withinMs + 1);
  if (!all.more) return { rows: all.items, more: false };
  const before = await latestBefore(time, withinMs, read);
  const after = await read(time, time + withinMs + 1);
  return { rows: [...before, ...after.items], more: true };
}

/** The latest events before a time; a listing goes forward, so the span in which not too many lie is looked for. */
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
