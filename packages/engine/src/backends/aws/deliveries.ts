import { LIMITS } from '@pik/schema';

import { evictOldest } from '../../ports/evict-oldest.ts';
import { inParallel } from '../../ports/in-parallel.ts';
import type { DeliveryRow, EventRow, Insertion } from '../../ports/rows.ts';
import type { Deadline } from './calls.ts';
import { deliveryItem } from './index-rows.ts';
import type { Table } from './table.ts';

/** Writes the deliveries of a request. */
export interface DeliveryWriter {
  /** Durable when it resolves. `insertions[i]` belongs to `rows[i]` and holds the event that the receipt repeats. */
  write(
    deadline: Deadline,
    deliveries: readonly DeliveryRow[],
    admitted: { rows: readonly EventRow[]; insertions: readonly Insertion[] },
  ): Promise<void>;
}

/** Events whose deliveries this process counts. */
const EVENTS_COUNTED = 500;

/**
 * Stores the first hundred live deliveries of each event. The stored number is unknown without a read, so each process
 * counts its own writes and stops at a hundred: a storm of repeats costs at most one write unit per receipt. A restarted
 * process writes up to a hundred more, which are never read: they cost money and change no answer.
 */
export function createDeliveryWriter(table: Table): DeliveryWriter {
  const written = new Map<string, Set<string>>();
  const rowsOf = (first: string): Set<string> => {
    const known = written.get(first) ?? new Set<string>();
    // Moved to the end, so that the least recently used entry is evicted first.
    written.delete(first);
    written.set(first, known);
    if (written.size > EVENTS_COUNTED) evictOldest(written);
    return known;
  };
  return {
    async write(deadline, deliveries, { rows, insertions }) {
      const firsts = new Map<string, EventRow>();
      for (const [i, row] of rows.entries()) {
        const one = insertions[i];
        if (one?.kind === 'present') firsts.set(row.event_id, one.first ?? one.stored);
      }
      const chosen: [DeliveryRow, EventRow | undefined][] = [];
      const planned = new Map<string, number>();
      for (const delivery of deliveries) {
        const first = firsts.get(delivery.event_id);
        // Every import is stored, since a later import may change its outcome.
        if (delivery.rank !== null) {
          chosen.push([delivery, first]);
          continue;
        }
        const name = nameOf(delivery, first);
        const known = rowsOf(name);
        const fresh = planned.get(name) ?? 0;
        const isKnown = known.has(placeOf(delivery));
        if (!isKnown && known.size + fresh >= LIMITS.deliveries_per_event_max) continue;
        if (!isKnown) planned.set(name, fresh + 1);
        chosen.push([delivery, first]);
      }
      await inParallel(chosen, async ([delivery, first]) => {
        await table.put(deadline, deliveryItem(delivery, first?.expires_ms ?? Number.POSITIVE_INFINITY));
        if (delivery.rank === null) rowsOf(nameOf(delivery, first)).add(placeOf(delivery));
      });
    },
  };
}

/** Names the event that a receipt repeats, distinct from an expired event with the same id. */
function nameOf({ event_id }: DeliveryRow, first: EventRow | undefined): string {
  return first === undefined ? event_id : `${event_id} ${first.pack_id} ${first.line}`;
}

function placeOf({ pack_id, line }: DeliveryRow): string {
  return `${pack_id} ${line}`;
}
