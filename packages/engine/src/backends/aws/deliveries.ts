import { LIMITS } from '@pik/schema';

import type { DeliveryRow, EventRow, Insertion } from '../../ports/rows.ts';
import type { Deadline } from './calls.ts';
import { deliveryItem } from './index-rows.ts';
import { inParallel } from './parallel.ts';
import type { Table } from './table.ts';

/** Writes the further receipts of a request's events. */
export interface DeliveryWriter {
  /** Durable when it resolves. `insertions` goes with `rows`, and tells which event each receipt repeats. */
  write(
    deadline: Deadline,
    deliveries: readonly DeliveryRow[],
    admitted: { rows: readonly EventRow[]; insertions: readonly Insertion[] },
  ): Promise<void>;
}

/** Events whose rows this process counts. */
const EVENTS_COUNTED = 500;

/**
 * Of each event the first hundred further live receipts are kept. Without a read nobody knows how many there are; each process
 * counts those that it has written itself and stops at a hundred, so a storm of repeats costs one write unit a receipt.
 * A process that was started anew writes a hundred more, which nobody reads: that costs, and changes no answer.
 */
export function createDeliveryWriter(table: Table): DeliveryWriter {
  const written = new Map<string, Set<string>>();
  const rowsOf = (first: string): Set<string> => {
    const known = written.get(first) ?? new Set<string>();
    // Put last again, so that what is left out is what was not seen for longest.
    written.delete(first);
    written.set(first, known);
    if (written.size > EVENTS_COUNTED) written.delete(written.keys().next().value as string);
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
        // Each import is kept, since a later one may change what it is.
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

/** The event that a receipt repeats, told from one that had the id before it ended. */
function nameOf({ event_id }: DeliveryRow, first: EventRow | undefined): string {
  return first === undefined ? event_id : `${event_id} ${first.pack_id} ${first.line}`;
}

function placeOf({ pack_id, line }: DeliveryRow): string {
  return `${pack_id} ${line}`;
}
