import { readPages } from '../operations/pages.ts';
import type { Backend } from '../ports/backend.ts';
import type { Page } from '../ports/queries.ts';
import type { DeliveryRow, EventRow, Insertion } from '../ports/rows.ts';
import type { OpenedBackend } from './backend-contract.ts';
import { makeRequestRows } from './factories.ts';

/** Every time that a pack can be stored at. */
export const FOREVER = { fromMs: 0, toMs: 2 ** 47 };

/** What each test of the contract starts from. */
export interface World {
  readonly opened: OpenedBackend;
  readonly backend: Backend;
  readonly newId: () => string;
}

/** All items of a paged listing. */
export async function all<T>(read: (cursor: string | null) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of readPages(read)) items.push(item);
  return items;
}

/** Inserts rows and tells what they met; each request is complete, as ingest leaves it. */
export async function admit(
  backend: Backend,
  rows: readonly EventRow[],
  rest: Parameters<typeof makeRequestRows>[0] = {},
): Promise<readonly Insertion[]> {
  let met: readonly Insertion[] = [];
  await backend.index.admit(rows, (found) => {
    met = found;
    return makeRequestRows(rest);
  });
  return met;
}

/** A further receipt of an event. */
export function makeDelivery(row: EventRow, packId: string, received_ms = row.received_ms + 1): DeliveryRow {
  const { event_id, event_ms, event_sub_ns, payload_hash, sent_ms, flags, expires_ms } = row;
  return {
    event_id,
    pack_id: packId,
    line: 0,
    outcome: 'DUPLICATE',
    event_ms,
    event_sub_ns,
    received_ms,
    sent_ms,
    payload_hash,
    flags,
    expires_ms,
  };
}
