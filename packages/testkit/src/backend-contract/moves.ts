import type { EventRow } from '@pik/engine';
import type { ParsedRecord } from '@pik/engine/internals';
import {
  decideOutcomes,
  decodeEntries,
  eventRows,
  type PackFacts,
  parseRecord,
  type RequestOutcomes,
} from '@pik/engine/internals';
import { timelineBound } from '@pik/schema';
import { expect, it } from 'vitest';
import { all, FOREVER, type World } from './world.ts';

const START = Date.UTC(2025, 11, 28);
const MINUTE_MS = 60_000;
const EVER_DAYS = { fromDay: -1_000, toDay: 30_000 };

interface Receipt {
  readonly value: number;
  /** Minutes after the start; of an import claimed, of a live one the time of its request. */
  readonly at: number;
  readonly imported?: boolean;
  /** Minutes of the event time. */
  readonly minute?: number;
}

/** Admits receipts of one keyed event as one request. */
async function send({ backend, newId }: World, receipts: readonly Receipt[]): Promise<RequestOutcomes> {
  const [first] = receipts;
  const imported = first?.imported ?? false;
  const receivedMs = imported ? START + 600 * MINUTE_MS : START + (first?.at ?? 0) * MINUTE_MS;
  const records = receipts.map((receipt) =>
    parseRecord({ text: textOf(receipt) }, { receivedMs, imported, volatileOf: () => null }),
  );
  const facts = {
    pack_id: newId(),
    sha256: 'ab'.repeat(32),
    bytes: 1,
    requests: [{ request_id: 'r', principal: null, lines: receipts.length }],
    sequence: null,
  };
  return admitIn(backend.index, records, { ...facts, imported, expires_ms: Number.POSITIVE_INFINITY });
}

function admitIn(
  index: World['backend']['index'],
  records: readonly ParsedRecord[],
  pack: PackFacts,
): Promise<RequestOutcomes> {
  const rows = eventRows(records, pack);
  return index.admit(rows, (insertions) => decideOutcomes(records, rows, { pack, insertions }));
}

function textOf({ value, at, minute = 0 }: Receipt): string {
  const time = (minutes: number) => new Date(START + minutes * MINUTE_MS).toISOString();
  const names = { source: 's', event_type: 't', entity_id: 'moved', idempotency_key: 'k' };
  return JSON.stringify({ ...names, event_time: time(minute), received_at: time(at), payload: { value } });
}

/** The event, its further receipts, and the rows of both that reports read. */
async function dump({ backend: { index } }: World, eventId: string) {
  const first = await index.getEvent(eventId);
  if (first === null) throw new Error('the event is gone');
  const slices = await all((cursor) => index.listSlices({ ...EVER_DAYS, withEntries: true, cursor }));
  const counted = await all((cursor) => index.listSlices({ ...EVER_DAYS, withEntries: false, cursor }));
  const failures = await all((cursor) => index.listFailures({ ...FOREVER, limit: 2, cursor }));
  const entries = slices.flatMap((slice) => decodeEntries(slice.entries));
  return {
    first: minutesOf(first.received_ms),
    deliveries: (await index.getDeliveries(first)).map(({ outcome, received_ms }) => [minutesOf(received_ms), outcome]),
    entries: entries
      .map(({ outcome, received_ms, first_received_ms }) => [
        minutesOf(received_ms),
        outcome,
        first_received_ms === null ? null : minutesOf(first_received_ms),
      ])
      .sort(([a], [b]) => Number(a) - Number(b)),
    counts: counted.reduce(
      ([a, d, c], slice) => [a + slice.accepted, d + slice.duplicates, c + slice.conflicts] as const,
      [0, 0, 0] as readonly [number, number, number],
    ),
    conflicts: failures.map(({ received_ms }) => minutesOf(received_ms)).sort((a, b) => a - b),
    timeline: await timelineOf(index, first),
  };
}

async function timelineOf(index: World['backend']['index'], { event_id }: EventRow): Promise<number[]> {
  const bound = (epoch_ms: number) => timelineBound('moved', { epoch_ms, sub_ms_ns: 0 });
  const range = { from: bound(START), to: bound(START + 600 * MINUTE_MS), asOfMs: Number.MAX_SAFE_INTEGER, limit: 10 };
  const rows = await all((cursor) => index.listTimeline({ ...range, cursor }));
  return rows.filter((row) => row.event_id === event_id).map(({ event_ms }) => minutesOf(event_ms));
}

const minutesOf = (ms: number) => (ms - START) / MINUTE_MS;
const statuses = ({ verdicts }: RequestOutcomes) => verdicts.map((verdict) => verdict?.status);
const idOf = ({ verdicts, slices }: RequestOutcomes) =>
  decodeEntries((slices[0] as RequestOutcomes['slices'][0]).entries)[verdicts.length - 1]?.event_id ?? '';

/** Tests of first receipts when there are imports. */
export function moveContract(world: () => World): void {
  it('an import that claims an earlier time becomes the first receipt, and all others are judged against it', async () => {
    const at = world();
    const first = await send(at, [{ value: 1, at: 50, imported: true }]);
    await send(at, [{ value: 1, at: 60, imported: true }]);
    const moved = await send(at, [{ value: 2, at: 40, imported: true, minute: 3 }]);
    expect([first, moved].map(statuses)).toEqual([['ACCEPTED'], ['CONFLICT']]);
    const expected = {
      first: 40,
      deliveries: [
        [50, 'CONFLICT'],
        [60, 'CONFLICT'],
      ],
      entries: [
        [40, 'ACCEPTED', null],
        [50, 'CONFLICT', 40],
        [60, 'CONFLICT', 40],
      ],
      counts: [1, 0, 2],
      conflicts: [50, 60],
      timeline: [3],
    };
    expect(await dump(at, idOf(first))).toEqual(expected);
    // And again, with a receipt that agrees with one that was a conflict.
    await send(at, [{ value: 1, at: 30, imported: true }]);
    expect(await dump(at, idOf(first))).toEqual({
      first: 30,
      deliveries: [
        [40, 'CONFLICT'],
        [50, 'DUPLICATE'],
        [60, 'DUPLICATE'],
      ],
      entries: [
        [30, 'ACCEPTED', null],
        [40, 'CONFLICT', 30],
        [50, 'DUPLICATE', 30],
        [60, 'DUPLICATE', 30],
      ],
      counts: [1, 2, 1],
      conflicts: [40],
      timeline: [0],
    });
  });

  it('an import with the payload of a live receipt makes the event known earlier; with another one it is a conflict', async () => {
    const at = world();
    const live = await send(at, [{ value: 1, at: 50 }]);
    await send(at, [{ value: 2, at: 30, imported: true }]);
    await send(at, [{ value: 1, at: 40, imported: true }]);
    await send(at, [{ value: 2, at: 20, imported: true }]);
    expect(await dump(at, idOf(live))).toMatchObject({
      first: 40,
      deliveries: [
        [20, 'CONFLICT'],
        [30, 'CONFLICT'],
        [50, 'DUPLICATE'],
      ],
      counts: [1, 1, 2],
      conflicts: [20, 30],
    });
  });

  it('a live receipt takes the place of imports with another payload, and an import that agrees with it is the first', async () => {
    const at = world();
    const imports = await send(
      at,
      [10, 20, 30].map((minute, i) => ({ value: i % 2, at: minute, imported: true })),
    );
    expect(statuses(imports)).toEqual(['ACCEPTED', 'CONFLICT', 'DUPLICATE']);
    expect(statuses(await send(at, [{ value: 1, at: 50 }]))).toEqual(['CONFLICT']);
    expect(await dump(at, idOf(imports))).toMatchObject({
      first: 20,
      deliveries: [
        [10, 'CONFLICT'],
        [30, 'CONFLICT'],
        [50, 'DUPLICATE'],
      ],
      counts: [1, 1, 2],
      conflicts: [10, 30],
    });
  });

  it('the lines of an import with one id are admitted by their claimed times, and a repeat of all of it changes nothing', async () => {
    const at = world();
    const receipts = [30, 10, 20].map((minute) => ({ value: minute, at: minute, imported: true }));
    const records = receipts.map((receipt) =>
      parseRecord(
        { text: textOf(receipt) },
        { receivedMs: START + 600 * MINUTE_MS, imported: true, volatileOf: () => null },
      ),
    );
    await send(at, [{ value: 9, at: 15, imported: true }]);
    const pack = {
      pack_id: at.newId(),
      sha256: 'ab'.repeat(32),
      bytes: 1,
      requests: [{ request_id: 'r', principal: null, lines: records.length }],
      sequence: null,
    };
    const facts = { ...pack, imported: true, expires_ms: Number.POSITIVE_INFINITY };
    const decided = await admitIn(at.backend.index, records, facts);
    expect(statuses(decided)).toEqual(['CONFLICT', 'CONFLICT', 'CONFLICT']);
    const before = await dump(at, idOf(decided));
    expect(before).toMatchObject({ first: 10, counts: [1, 0, 3] });
    const again = await admitIn(at.backend.index, records, facts);
    expect(again.pack).toEqual(decided.pack);
    expect(await dump(at, idOf(decided))).toEqual(before);
    await all((cursor) => at.backend.index.finishMoves({ ...FOREVER, cursor }));
    expect(await dump(at, idOf(decided))).toEqual(before);
  });

  it('every import of an event has a row, and the oldest hundred are listed', async () => {
    const at = world();
    const many = Array.from({ length: 150 }, (_, i) => ({ value: 1, at: 200 - i, imported: true }));
    const decided = await send(at, many.slice(0, 100));
    await send(at, many.slice(100));
    const { deliveries, counts } = await dump(at, idOf(decided));
    expect(counts).toEqual([1, 149, 0]);
    expect(deliveries.map(([minute]) => minute)).toEqual(Array.from({ length: 100 }, (_, i) => 52 + i));
  });
}
