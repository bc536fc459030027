import { admissionOrder, isAt, metInTheEnd } from '../../ingest/rules/first-receipt.ts';
import type { EventRow, Insertion } from '../../ports/rows.ts';
import type { Calls, Deadline } from './calls.ts';
import { eventItem, readEvent, timeItem } from './event-row.ts';
import { failureOf } from './failures.ts';
import { eventKey } from './keys.ts';
import { isOpen, type MoveParts, meetOpen } from './moves.ts';
import { inParallel } from './parallel.ts';
import type { Condition, Table } from './table.ts';
import { isUnexpired, number } from './values.ts';

/** Ids that are tried first in a larger request, to learn whether it is a repeat of what is there. */
const PROBES = 8;
/** So many of them must be there already for the others to be looked up before they are tried. */
const PROBES_MET = 6;
/** Of the time for the gate, the part that a look-up may take. */
const LOOK_UP_SHARE = 0.2;

/**
 * Inserts each row unless an unexpired one with its id is there. One conditional write per id is gate, index and address
 * in one; further rows of an id in the same call meet what the first of them met, in line order, without a write.
 *
 * Where a sample says that a request is mostly a repeat, the other ids are looked up first: a read costs a fifth of the
 * write that it saves, and a row that is there and has not ended stays as it is. What is not found is still decided by
 * the conditional write alone. New events are never read.
 *
 * A row that the table refuses for its throughput, or does not answer for in time, is `throttled`: not decided. Only where
 * no row was decided, and not for lack of throughput, the call fails with the table's error.
 */
export async function insertEvents(
  table: Table,
  deadline: Deadline,
  { rows, ...options }: { rows: readonly EventRow[]; nowMs: number; calls: Calls; moves: MoveParts },
): Promise<readonly Insertion[]> {
  const order = admissionOrder(rows);
  const byId = new Map<string, number[]>();
  for (const at of order) {
    const { event_id } = rows[at] as EventRow;
    const places = byId.get(event_id);
    if (places === undefined) byId.set(event_id, [at]);
    else places.push(at);
  }
  const firsts = [...byId.values()].map(([at]) => rows[at as number] as EventRow);
  const gate: Gate = { table, deadline, ...options, outages: [], decided: new Map() };
  await decide(gate, firsts);
  const met = new Array<Insertion>(rows.length);
  for (const [eventId, places] of byId) {
    let one = gate.decided.get(eventId) as Insertion;
    for (const [nth, at] of places.entries()) {
      if (nth > 0)
        one = await meetRepeat(gate, {
          row: rows[at] as EventRow,
          before: rows[places[nth - 1] as number] as EventRow,
          met: one,
        });
      met[at] = one;
    }
  }
  const undecided = met.every(({ kind }) => kind === 'throttled');
  if (undecided && gate.outages.length > 0) throw gate.outages[0];
  return metInTheEnd(rows, { order, met });
}

interface Gate {
  readonly table: Table;
  readonly deadline: Deadline;
  readonly calls: Calls;
  readonly nowMs: number;
  readonly moves: MoveParts;
  /** Errors other than for lack of throughput. */
  readonly outages: unknown[];
  /** What each id met. */
  readonly decided: Map<string, Insertion>;
}

/** Decides on rows of which no two have one id. */
async function decide(gate: Gate, rows: readonly EventRow[]): Promise<void> {
  const tryRow = async (row: EventRow) => {
    gate.decided.set(row.event_id, await insertOne(gate, row));
  };
  if (rows.length < 2 * PROBES) {
    await inParallel(rows, tryRow);
    return;
  }
  const every = Math.floor(rows.length / PROBES);
  const probes = rows.filter((_, i) => i % every === 0).slice(0, PROBES);
  await inParallel(probes, tryRow);
  const known = probes.filter(({ event_id }) => gate.decided.get(event_id)?.kind === 'present').length;
  const others = rows.filter(({ event_id }) => !gate.decided.has(event_id));
  const stored = known >= PROBES_MET ? await lookUp(gate, others) : new Map<string, EventRow>();
  await inParallel(others, async (row) => {
    const there = stored.get(row.event_id);
    if (there === undefined) await tryRow(row);
    else gate.decided.set(row.event_id, await meet(gate, row, there));
  });
}

/** The unexpired rows of these ids; none where the table does not answer, for then the conditional writes will say. */
async function lookUp(gate: Gate, rows: readonly EventRow[]): Promise<Map<string, EventRow>> {
  const { table, deadline, calls, nowMs } = gate;
  const found = new Map<string, EventRow>();
  const keys = rows.map(({ event_id }) => eventKey(event_id));
  try {
    // Only a part of the time: it is the writes that must be tried.
    for (const item of await calls.share(deadline, LOOK_UP_SHARE, (part) => table.getMany(part, keys))) {
      if (!isUnexpired(item, nowMs)) continue;
      const row = readEvent(item);
      found.set(row.event_id, row);
    }
  } catch (error) {
    // One that the store refuses is no reason to decide nothing: the writes are other requests.
    if (failureOf(error) === null) throw error;
  }
  return found;
}

/** What a further row of an id meets: what the one before it has made of the event. */
async function meetRepeat(
  gate: Gate,
  { row, before, met }: { row: EventRow; before: EventRow; met: Insertion },
): Promise<Insertion> {
  if (met.kind === 'throttled') return met;
  const stored = met.kind === 'inserted' ? before : (met.first ?? met.stored);
  return meet(gate, row, stored);
}

async function insertOne(gate: Gate, row: EventRow): Promise<Insertion> {
  const { table, deadline, nowMs } = gate;
  if (deadline.leftMs() <= 0) return { kind: 'throttled' };
  return unlessUndecided(gate, async () => {
    const met = await insert(table, deadline, { row, nowMs });
    if (met.kind === 'present') return meet(gate, row, met.stored);
    if (row.rule === 'key') await table.put(deadline, timeItem(row));
    return met;
  });
}

/** What a row meets that is there; a former attempt of ours may have died between it and its pointer. */
function meet(gate: Gate, row: EventRow, stored: EventRow): Promise<Insertion> {
  return unlessUndecided(gate, async () => {
    if (isAt(row, stored) && row.rule === 'key') await gate.table.put(gate.deadline, timeItem(row));
    if (isOpen(row, stored)) return meetOpen(gate.moves, gate.deadline, { row, stored });
    return { kind: 'present', stored };
  });
}

async function unlessUndecided({ outages }: Gate, work: () => Promise<Insertion>): Promise<Insertion> {
  try {
    return await work();
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

/** Nothing is there, or what is there has ended and waits to be deleted. */
export function absentOrExpired(nowMs: number): Condition {
  return { expression: 'attribute_not_exists(pk) OR x <= :now', values: { ':now': number(nowMs) } };
}
