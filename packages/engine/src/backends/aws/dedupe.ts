import { at } from '@pik/schema';

import { admissionOrder, finalInsertions, isAt } from '../../ingest/rules/first-receipt.ts';
import { inParallel } from '../../ports/in-parallel.ts';
import type { EventRow, Insertion } from '../../ports/rows.ts';
import type { Calls, Deadline } from './calls.ts';
import { eventItem, readEvent, timeItem } from './event-row.ts';
import { failureOf } from './failures.ts';
import { eventKey } from './keys.ts';
import { isOpen, type MoveParts, resolveMove } from './moves.ts';
import type { Condition, Table } from './table.ts';
import { isUnexpired, number } from './values.ts';

/** Ids of a larger request that are inserted first, to learn whether the request is a repeat. */
const PROBES = 8;
/** If at least this many probes are stored already, the other ids are looked up before they are inserted. */
const STORED_PROBES_MIN = 6;
/** The share of the time for deduplication that the look-up may take. */
const LOOK_UP_SHARE = 0.2;

/**
 * Inserts each row unless an unexpired row with its id exists. One conditional write per id serves as dedupe, index and
 * address; later rows of the same id in one call follow from the first one, in line order, without a write.
 *
 * If a sample shows that a request is mostly a repeat, the other ids are looked up first: a read costs a fifth of the
 * write that it saves, and an unexpired row stays as it is. The conditional write alone still decides ids that the
 * look-up does not find. New events are never read.
 *
 * A row is `throttled`, that is undecided, if the table refuses it for lack of throughput or does not answer in time. The
 * call fails with the table's error only if no row was decided and the cause was not throughput.
 */
export async function insertEvents(
  table: Table,
  deadline: Deadline,
  { rows, ...options }: { rows: readonly EventRow[]; nowMs: number; calls: Calls; moves: MoveParts },
): Promise<readonly Insertion[]> {
  const order = admissionOrder(rows);
  const byId = new Map<string, number[]>();
  for (const place of order) {
    const { event_id } = at(rows, place);
    const places = byId.get(event_id);
    if (places === undefined) byId.set(event_id, [place]);
    else places.push(place);
  }
  const firsts = [...byId.values()].map((places) => at(rows, at(places, 0)));
  const dedupe: Dedupe = { table, deadline, ...options, outages: [], decided: new Map() };
  await decide(dedupe, firsts);
  const insertions = new Array<Insertion>(rows.length);
  for (const [eventId, places] of byId) {
    let insertion = dedupe.decided.get(eventId) as Insertion;
    for (const [nth, place] of places.entries()) {
      if (nth > 0)
        insertion = await resolveNext(dedupe, {
          row: at(rows, place),
          before: at(rows, at(places, nth - 1)),
          insertion,
        });
      insertions[place] = insertion;
    }
  }
  const undecided = insertions.every(({ kind }) => kind === 'throttled');
  if (undecided && dedupe.outages.length > 0) throw dedupe.outages[0];
  return finalInsertions(rows, { order, insertions });
}

interface Dedupe {
  readonly table: Table;
  readonly deadline: Deadline;
  readonly calls: Calls;
  readonly nowMs: number;
  readonly moves: MoveParts;
  /** Errors other than lack of throughput. */
  readonly outages: unknown[];
  /** The insertion of each id. */
  readonly decided: Map<string, Insertion>;
}

/** Decides rows that all have different ids. */
async function decide(dedupe: Dedupe, rows: readonly EventRow[]): Promise<void> {
  const tryRow = async (row: EventRow) => {
    dedupe.decided.set(row.event_id, await insertOne(dedupe, row));
  };
  if (rows.length < 2 * PROBES) {
    await inParallel(rows, tryRow);
    return;
  }
  const every = Math.floor(rows.length / PROBES);
  const probes = rows.filter((_, i) => i % every === 0).slice(0, PROBES);
  await inParallel(probes, tryRow);
  const known = probes.filter(({ event_id }) => dedupe.decided.get(event_id)?.kind === 'present').length;
  const others = rows.filter(({ event_id }) => !dedupe.decided.has(event_id));
  const stored = known >= STORED_PROBES_MIN ? await lookUp(dedupe, others) : new Map<string, EventRow>();
  await inParallel(others, async (row) => {
    const there = stored.get(row.event_id);
    if (there === undefined) await tryRow(row);
    else dedupe.decided.set(row.event_id, await resolve(dedupe, row, there));
  });
}

/** The unexpired rows of these ids; none if the table does not answer, since the conditional writes decide then. */
async function lookUp(dedupe: Dedupe, rows: readonly EventRow[]): Promise<Map<string, EventRow>> {
  const { table, deadline, calls, nowMs } = dedupe;
  const found = new Map<string, EventRow>();
  const keys = rows.map(({ event_id }) => eventKey(event_id));
  try {
    // Takes only a share of the time, so that the writes can still be tried.
    for (const item of await calls.share(deadline, LOOK_UP_SHARE, (part) => table.getMany(part, keys))) {
      if (!isUnexpired(item, nowMs)) continue;
      const row = readEvent(item);
      found.set(row.event_id, row);
    }
  } catch (error) {
    // A refused read does not stop the writes: they are separate requests.
    if (failureOf(error) === null) throw error;
  }
  return found;
}

/** The insertion of a later row of an id; it follows from the insertion of the row before it. */
async function resolveNext(
  dedupe: Dedupe,
  { row, before, insertion }: { row: EventRow; before: EventRow; insertion: Insertion },
): Promise<Insertion> {
  if (insertion.kind === 'throttled') return insertion;
  const stored = insertion.kind === 'inserted' ? before : (insertion.first ?? insertion.stored);
  return resolve(dedupe, row, stored);
}

async function insertOne(dedupe: Dedupe, row: EventRow): Promise<Insertion> {
  const { table, deadline, nowMs } = dedupe;
  if (deadline.leftMs() <= 0) return { kind: 'throttled' };
  return unlessUndecided(dedupe, async () => {
    const insertion = await insert(table, deadline, { row, nowMs });
    if (insertion.kind === 'present') return resolve(dedupe, row, insertion.stored);
    if (row.rule === 'key') await table.put(deadline, timeItem(row));
    return insertion;
  });
}

/** The insertion of a row whose id is stored; an earlier attempt of ours may have crashed between the row and its pointer. */
function resolve(dedupe: Dedupe, row: EventRow, stored: EventRow): Promise<Insertion> {
  return unlessUndecided(dedupe, async () => {
    if (isAt(row, stored) && row.rule === 'key') await dedupe.table.put(dedupe.deadline, timeItem(row));
    if (isOpen(row, stored)) return resolveMove(dedupe.moves, dedupe.deadline, { row, stored });
    return { kind: 'present', stored };
  });
}

async function unlessUndecided({ outages }: Dedupe, work: () => Promise<Insertion>): Promise<Insertion> {
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
  const written = await table.put(deadline, eventItem(row), absentOrExpired(nowMs));
  if (written.done) return { kind: 'inserted', replaced_expired: written.row !== null };
  // If an earlier attempt of ours succeeded and its answer was lost, this is our own row; its address shows it.
  return { kind: 'present', stored: readEvent(written.row) };
}

/** The condition that no row exists, or an expired one that waits for its deletion. */
export function absentOrExpired(nowMs: number): Condition {
  return { expression: 'attribute_not_exists(pk) OR x <= :now', values: { ':now': number(nowMs) } };
}
