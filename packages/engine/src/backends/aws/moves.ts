import {
  deliveryOf,
  firstAmong,
  isAt,
  mayMove,
  needsOthers,
  nextFirst,
  rowsAfterMove,
} from '../../ingest/rules/first-receipt.ts';
import { allEnded } from '../../ports/all-ended.ts';
import type { Clock } from '../../ports/backend.ts';
import { inParallel } from '../../ports/in-parallel.ts';
import type { Page } from '../../ports/queries.ts';
import type { DeliveryRow, EventRow, FailureRow, Insertion } from '../../ports/rows.ts';
import type { Deadline } from './calls.ts';
import { directoryEntry, listDays } from './days.ts';
import type { Directory } from './directory.ts';
import { eventItem, readEvent, standingOf, timeItem } from './event-row.ts';
import { deliveryItem, packBytes, readDelivery, recheckItem } from './index-rows.ts';
import { dayOf, dayPartition, deliveryKey, deliveryPartition, eventKey, shardOf } from './keys.ts';
import { type Condition, keyItem, type Table } from './table.ts';
import { expiry, isUnexpired, number, readText, timeText } from './values.ts';

/** The parts that a move of a first receipt needs. */
export interface MoveParts {
  readonly table: Table;
  readonly clock: Clock;
  /** Days with rechecks, and days on which first receipts changed. */
  readonly directories: { readonly K: Directory; readonly W: Directory };
}

/** The number of concurrent changes after which an admission gives up and waits for the next attempt of its request. */
const ATTEMPTS_MAX = 8;

/** True if the conditional insert alone does not decide the outcome, because an import is involved. */
export function isOpen(row: EventRow, stored: EventRow): boolean {
  return mayMove(row, stored) || stored.answered !== 'ACCEPTED';
}

/**
 * Decides between a stored first receipt and one that may precede it. Everything that a crash could lose is written before
 * the row changes: a note for the sweeper, the former first receipt as a delivery, and the new one's TIME pointer. Readers
 * trust only the row. Rows that merely follow from the change are written at the end (`finishMove`).
 */
export async function resolveMove(
  parts: MoveParts,
  deadline: Deadline,
  { row, stored: found }: { row: EventRow; stored: EventRow },
): Promise<Insertion> {
  let stored = found;
  for (let attempts = 0; attempts < ATTEMPTS_MAX; attempts++) {
    if (isAt(row, stored)) return { kind: 'present', stored };
    const before = stored.answered === 'ACCEPTED' ? null : await ownDelivery(parts, deadline, row);
    if (before !== null) return { kind: 'present', stored, answered: before.answered };
    const others = needsOthers(row, stored) ? await deliveriesOf(parts, deadline, stored.event_id) : [];
    const first = nextFirst(row, stored, others);
    if (first === stored) return { kind: 'present', stored };
    if (!isAt(first, stored)) await prepare(parts, deadline, { first, stored });
    const written = await parts.table.put(deadline, eventItem(first), stillFirst(stored));
    if (written.done) return { kind: 'present', stored, first };
    if (written.row.pk === undefined || !isUnexpired(written.row, parts.clock.now())) break;
    const there = readEvent(written.row);
    // Our own change whose answer was lost, or an equal change by another admission.
    if (isAt(there, first) && there.live === first.live) return { kind: 'present', stored, first };
    stored = there;
  }
  return { kind: 'throttled' };
}

/** The condition that the row is still the one that was read. */
function stillFirst(stored: EventRow): Condition {
  const standing = standingOf(stored);
  return {
    expression: `p = :p AND l = :l AND ${standing === null ? 'attribute_not_exists(o)' : 'o = :o'}`,
    values: {
      ':p': packBytes(stored.pack_id),
      ':l': number(stored.line),
      ...(standing === null ? {} : { ':o': number(standing) }),
    },
  };
}

async function prepare(
  { table, clock, directories }: MoveParts,
  deadline: Deadline,
  { first, stored }: { first: EventRow; stored: EventRow },
): Promise<void> {
  const nowMs = clock.now();
  const place = { day: dayOf(nowMs), shard: shardOf(first.pack_id) };
  const note = {
    ...keyItem({ pk: dayPartition('W', place), sk: `${timeText(nowMs)}#${first.event_id}` }),
    ...expiry(Number.POSITIVE_INFINITY, first.expires_ms),
  };
  await directories.W.note(deadline, directoryEntry(place));
  await allEnded([
    table.put(deadline, note),
    table.put(deadline, deliveryItem(deliveryOf(stored, first), first.expires_ms)),
    first.rule === 'key' ? table.put(deadline, timeItem(first)) : null,
  ]);
}

/** The DELIVERY row of this very receipt, if an earlier attempt of its admission stored it. */
async function ownDelivery(
  { table, clock }: MoveParts,
  deadline: Deadline,
  row: EventRow,
): Promise<DeliveryRow | null> {
  const item = await table.get(deadline, deliveryKey(row));
  return item === null ? null : readDelivery(item, clock.now());
}

/** All DELIVERY rows of an event, including a leftover row of a receipt that became the first. */
async function deliveriesOf({ table, clock }: MoveParts, deadline: Deadline, eventId: string): Promise<DeliveryRow[]> {
  const found: DeliveryRow[] = [];
  let beyond: string | null = null;
  do {
    const page = await table.query(deadline, { pk: deliveryPartition(eventId), beyond });
    for (const item of page.rows) {
      const row = readDelivery(item, clock.now());
      if (row !== null) found.push(row);
    }
    beyond = page.reached;
  } while (beyond !== null);
  return found;
}

/** The first receipts that changed during an admission, or whose change an earlier attempt may have left unfinished. */
export function movedFirsts(rows: readonly EventRow[], insertions: readonly Insertion[]): EventRow[] {
  const firsts = new Map<string, EventRow>();
  for (const [i, row] of rows.entries()) {
    const one = insertions[i];
    if (one?.kind !== 'present') continue;
    const { stored, first = stored } = one;
    const isOwn = isAt(row, stored) && stored.answered !== 'ACCEPTED';
    if (isOwn || !isAt(first, stored)) firsts.set(row.event_id, first);
  }
  return [...firsts.values()];
}

/** Writes the rows that follow from a move of a first receipt. Idempotent. */
export async function finishMove(
  parts: MoveParts,
  deadline: Deadline,
  { first, writeFailures }: { first: EventRow; writeFailures: (rows: readonly FailureRow[]) => Promise<void> },
): Promise<void> {
  const { table, directories } = parts;
  const { rechecks, failures } = rowsAfterMove(first, await deliveriesOf(parts, deadline, first.event_id));
  await inParallel(rechecks, async (row) => {
    await directories.K.note(deadline, directoryEntry({ day: row.event_day, shard: shardOf(row.pack_id) }));
    await table.put(deadline, recheckItem(row));
  });
  await writeFailures(failures);
}

/** The number of moves that one call of the sweeper finishes. */
const MOVES_PER_PAGE = 100;

/** Finishes moves that began in a range of time. */
export async function finishMoves(
  parts: MoveParts,
  deadline: Deadline,
  options: {
    range: { fromMs: number; toMs: number; cursor?: string | null };
    writeFailures: (rows: readonly FailureRow[]) => Promise<void>;
  },
): Promise<Page<string>> {
  const { table, clock, directories } = parts;
  const { fromMs, toMs, cursor } = options.range;
  const days = { table, directory: directories.W, kind: 'W' } as const;
  const page = await listDays(days, deadline, {
    query: {
      fromDay: dayOf(fromMs),
      toDay: dayOf(toMs - 1) + 1,
      cursor,
      limit: MOVES_PER_PAGE,
      from: timeText(fromMs),
      to: timeText(toMs),
    },
    read: (item) => readText(item, 'sk').split('#')[1] ?? null,
  });
  const ids = [...new Set(page.items)];
  for (const item of await table.getMany(deadline, ids.map(eventKey))) {
    if (!isUnexpired(item, clock.now())) continue;
    const first = await settledFirst(parts, deadline, readEvent(item));
    await finishMove(parts, deadline, { first, writeFailures: options.writeFailures });
  }
  return { items: ids, next: page.next };
}

/** Determines the first receipt among all receipts of an event, and stores it if it is not stored already. */
async function settledFirst(parts: MoveParts, deadline: Deadline, stored: EventRow): Promise<EventRow> {
  const first = firstAmong(stored, await deliveriesOf(parts, deadline, stored.event_id));
  if (first === stored) return stored;
  await prepare(parts, deadline, { first, stored });
  const written = await parts.table.put(deadline, eventItem(first), stillFirst(stored));
  // If another admission interfered, its own note brings the sweeper back.
  return written.done || written.row.pk === undefined ? first : readEvent(written.row);
}
