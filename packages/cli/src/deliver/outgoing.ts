import { KitError, type RawEvent } from '@pik/schema';

import type { Sorting } from '../files/sorted.ts';
import type { Outgoing } from './target.ts';

/** An event before it is sent; its body is null if the transform leaves it out. */
export type Prepared = Omit<Outgoing, 'body'> & { readonly body: string | null };

/** Returns what to send for an event, or null to leave it out. Pure: the same event gives the same result. */
export type Transform = (event: unknown) => unknown;

/** In the order of event times, then ids. */
export const BY_TIME: Sorting<Prepared> = {
  compare: (a, b) => compareText(a.event_time, b.event_time) || compareText(a.event_id, b.event_id),
  // Events have up to 256 KB each.
  itemsMax: 5_000,
};

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The events as they are sent: in the kit's own form, on one line, transformed.
 *
 * @throws KitError `FORBIDDEN` at an event with masked members: the other system would take the masks for values.
 */
export async function* outgoing(
  events: AsyncIterable<RawEvent>,
  { replay_id, transform }: { replay_id: string; transform: Transform | null },
): AsyncGenerator<Prepared> {
  for await (const { event_id, source, event_type, entity_id, event_time, body, mapped, masked } of events) {
    if (masked === true)
      throw new KitError('FORBIDDEN', `the event ${event_id} has masked members, which need the scope sensitive`);
    // Outside of texts, line ends are white space in JSON.
    const text = (mapped ?? body).replaceAll(/[\r\n]+/g, ' ');
    const made = transform === null ? text : await transformed(transform, { event_id, text });
    yield { replay_id, event_id, source, event_type, entity_id, event_time, body: made };
  }
}

async function transformed(transform: Transform, { event_id, text }: { event_id: string; text: string }) {
  try {
    const made = await transform(JSON.parse(text));
    return made === null || made === undefined ? null : JSON.stringify(made);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new KitError('CONFIG_INVALID', `the transform failed for the event ${event_id}: ${reason}`, { cause });
  }
}
