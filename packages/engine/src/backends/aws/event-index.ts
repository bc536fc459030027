import { allEnded } from '../../ports/all-ended.ts';
import type { Clock, EventIndex } from '../../ports/backend.ts';
import { inParallel } from '../../ports/in-parallel.ts';
import type { EventRow, FailureRow, Insertion, RequestRows } from '../../ports/rows.ts';
import type { Deadline } from './calls.ts';
import { directoryEntry } from './days.ts';
import { absentOrExpired, insertEvents } from './dedupe.ts';
import { createDeliveryWriter, type DeliveryWriter } from './deliveries.ts';
import { createDirectory } from './directory.ts';
import { createHealth } from './health.ts';
import type { DayDirectories, IndexParts } from './index-parts.ts';
import { createIndexReader } from './index-reader.ts';
import { entityFailureItem, failureItem, packItem, sequenceItem } from './index-rows.ts';
import { dayOf, packPlace, shardOf } from './keys.ts';
import { finishMove, finishMoves, movedFirsts } from './moves.ts';
import { writeSlice } from './slices.ts';
import { keyItem, type Table } from './table.ts';
import { number, readNumber } from './values.ts';

/** The share of an admission's time for inserting events; the rest is for the rows after them. */
const DEDUPE_SHARE = 0.6;

/** The port over one table. */
export function createEventIndex(parts: IndexParts): EventIndex {
  const { table, calls, clock } = parts;
  const directories = {
    S: createDirectory(table, { name: 'S#days', clock }),
    P: createDirectory(table, { name: 'P#days', clock }),
    F: createDirectory(table, { name: 'F#days', clock }),
    K: createDirectory(table, { name: 'K#days', clock }),
    W: createDirectory(table, { name: 'W#days', clock }),
  };
  const writer: Writer = { table, clock, directories, deliveries: createDeliveryWriter(table) };
  const health = createHealth(table, parts);
  const write = <T>(work: (deadline: Deadline) => Promise<T>) => health.watch(() => calls.run(work));
  const markKey = (name: string) => ({ pk: 'M#marks', sk: `#${name}` });
  return {
    ...createIndexReader(parts, directories),
    ping: () => health.ping(),
    admit: (rows, decide) =>
      write(async (deadline) => {
        const nowMs = clock.now();
        const insertions = await calls.share(deadline, DEDUPE_SHARE, (part) =>
          insertEvents(table, part, { rows, nowMs, calls, moves: writer }),
        );
        const decided = decide(insertions);
        await writeRest(writer, deadline, { decided, rows, insertions });
        return decided;
      }),
    getMark: (name) =>
      calls.run(async (deadline) => {
        const row = await table.get(deadline, markKey(name));
        return row === null ? null : readNumber(row, 'v');
      }),
    setMark: (name, value) =>
      write(async (deadline) => {
        await table.put(deadline, { ...keyItem(markKey(name)), v: number(value) });
      }),
    finishMoves: (range) =>
      write((deadline) =>
        finishMoves(writer, deadline, { range, writeFailures: (rows) => writeFailures(writer, deadline, rows) }),
      ),
    addFailures: (rows) => write((deadline) => writeFailures(writer, deadline, rows)),
  };
}

interface Writer {
  readonly table: Table;
  readonly clock: Clock;
  readonly directories: DayDirectories;
  readonly deliveries: DeliveryWriter;
}

interface Decided {
  readonly decided: RequestRows;
  readonly rows: readonly EventRow[];
  readonly insertions: readonly Insertion[];
}

/** Everything but the PACK row in any order, and that row last: once it is there, all of its request is. */
async function writeRest(writer: Writer, deadline: Deadline, { decided, rows, insertions }: Decided): Promise<void> {
  const { table, directories, clock } = writer;
  const { pack } = decided;
  await allEnded([
    writer.deliveries.write(deadline, decided.deliveries, { rows, insertions }),
    writeFailures(writer, deadline, decided.failures),
    inParallel(decided.slices, async (row) => {
      await directories.S.note(deadline, directoryEntry({ day: row.event_day, shard: shardOf(row.pack_id) }));
      await writeSlice(table, deadline, row);
    }),
    inParallel(decided.sequences, (row) => table.put(deadline, sequenceItem(row), absentOrExpired(clock.now()))),
    pack === null ? null : directories.P.note(deadline, directoryEntry(packPlace(pack.pack_id))),
  ]);
  // After the slices, so that an event whose first receipt has changed is never in none of them.
  await inParallel(movedFirsts(rows, insertions), (first) =>
    finishMove(writer, deadline, { first, writeFailures: (failures) => writeFailures(writer, deadline, failures) }),
  );
  if (pack !== null) await table.put(deadline, packItem(pack), absentOrExpired(clock.now()));
}

/** Rows that are there already stay as they are. */
async function writeFailures(
  { table, directories, clock }: Writer,
  deadline: Deadline,
  rows: readonly FailureRow[],
): Promise<void> {
  await inParallel(rows, async (row) => {
    const place = { day: dayOf(row.received_ms), shard: shardOf(row.pack_id) };
    await directories.F.note(deadline, directoryEntry(place));
    await table.put(deadline, failureItem(row), absentOrExpired(clock.now()));
    const ofEntity = entityFailureItem(row);
    if (ofEntity !== null) await table.put(deadline, ofEntity, absentOrExpired(clock.now()));
  });
}
