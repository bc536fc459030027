import type { EventRow, Insertion } from '../../ports/rows.ts';
import type { Deadline } from './calls.ts';
import { eventItem, readEvent, timeItem } from './event-row.ts';
import { failureOf } from './failures.ts';
import { inParallel } from './parallel.ts';
import type { Condition, Table } from './table.ts';
import { number } from './values.ts';

/**
 * Inserts each row unless an unexpired one with its id is there. One conditional write per id is gate, index and address
 * in one; further rows of an id in the same call meet what the first of them met, in line order, without a write.
 *
 * A row that the table refuses for its throughput, or does not answer for in time, is `throttled`: not decided. Only where
 * no row was decided, and not for lack of throughput, the call fails with the table's error.
 */
export async function insertEvents(
  table: Table,
  deadline: Deadline,
  { rows, nowMs }: { rows: readonly EventRow[]; nowMs: number },
): Promise<Insertion[]> {
  const byId = new Map<string, number[]>();
  for (const [at, { event_id }] of rows.entries()) {
    const places = byId.get(event_id);
    if (places === undefined) byId.set(event_id, [at]);
    else places.push(at);
  }
  const met = new Array<Insertion>(rows.length);
  const outages: unknown[] = [];
  await inParallel([...byId.values()], async (places) => {
    const first = rows[places[0] as number] as EventRow;
    const one = await insertOne(table, deadline, { row: first, nowMs, outages });
    for (const [nth, at] of places.entries()) met[at] = nth === 0 ? one : metByRepeat(first, one);
  });
  const undecided = met.every(({ kind }) => kind === 'throttled');
  if (undecided && outages.length > 0) throw outages[0];
  return met;
}

function metByRepeat(first: EventRow, met: Insertion): Insertion {
  return met.kind === 'inserted' ? { kind: 'present', stored: first } : met;
}

interface One {
  readonly row: EventRow;
  readonly nowMs: number;
  /** Errors other than for lack of throughput are added here. */
  readonly outages: unknown[];
}

async function insertOne(table: Table, deadline: Deadline, { row, nowMs, outages }: One): Promise<Insertion> {
  if (deadline.leftMs() <= 0) return { kind: 'throttled' };
  try {
    const met = await insert(table, deadline, { row, nowMs });
    // The pointer is written again for a row of our own: a former attempt may have died between the two.
    if (row.rule === 'key' && isOwn(row, met)) await table.put(deadline, timeItem(row));
    return met;
  } catch (error) {
    const failure = failureOf(error);
    if (failure !== 'throttled' && failure !== 'transient') throw error;
    if (failure === 'transient') outages.push(error);
    return { kind: 'throttled' };
  }
}

async function insert(
  table: Table,
  deadline: Deadline,
  { row, nowMs }: { row: EventRow; nowMs: number },
): Promise<Insertion> {
  const met = await table.put(deadline, eventItem(row), absentOrExpired(nowMs));
  if (met.done) return { kind: 'inserted', replaced_expired: met.row !== null };
  // Where an earlier attempt of ours got through and its answer was lost, this is our own row; its address says so.
  return { kind: 'present', stored: readEvent(met.row) };
}

function isOwn(row: EventRow, met: Insertion): boolean {
  if (met.kind !== 'present') return met.kind === 'inserted';
  return met.stored.pack_id === row.pack_id && met.stored.line === row.line;
}

/** Nothing is there, or what is there has ended and waits to be deleted. */
export function absentOrExpired(nowMs: number): Condition {
  return { expression: 'attribute_not_exists(pk) OR x <= :now', values: { ':now': number(nowMs) } };
}
