import { MS_PER_HOUR } from '@pik/schema';
import { createMemoryBackend, createTestClock, type MemoryBackend, type TestClock } from '@pik/testkit';
import { all } from '@pik/testkit/fixtures/engine/world';
import fc from 'fast-check';
import { createQuestionContext } from '../../src/api/question-context.ts';
import { type Cell, createCell, mergeCell } from '../../src/cells/rules/cell.ts';
import { decodeCell } from '../../src/cells/rules/cell-codec.ts';
import { createCellMaker } from '../../src/cells/rules/make-cells.ts';
import { createSliceMaker } from '../../src/cells/rules/receipts-slices.ts';
import { compact } from '../../src/compact/compact.ts';
import { ingest } from '../../src/ingest/ingest.ts';
import { sweep } from '../../src/ingest/sweep.ts';
import type { CellRow } from '../../src/ports/cell-row.ts';
import type { ClosedHour, ClosedReceipt } from '../../src/ports/closed-hours.ts';
import type { SliceRow } from '../../src/ports/rows.ts';
import type { Context } from '../../src/runtime/context.ts';
import { decodeEntries } from '../../src/storage/rules/slice-codec.ts';

/** When the lives begin. */
export const LIFE_START = Date.UTC(2026, 0, 5, 21);
/** The producer of all events of a life. */
export const PRODUCER = '019b0000-0000-7000-8000-000000000001';
const MINUTE_MS = 60_000;

/** One request of a life: few values each, so that repeats, conflicts and moves are frequent. */
export interface LifeRequest {
  readonly mode: 'live' | 'import';
  readonly waitMinutes: number;
  readonly records: readonly LifeRecord[];
}

/** One record of a request. */
export interface LifeRecord {
  readonly source: string;
  readonly entity: number;
  readonly key: number | null;
  readonly minute: number;
  readonly value: number;
  /** Minutes before the start of the life, as an import claims. */
  readonly claim: number;
  readonly sent: number | null;
  readonly broken: boolean;
}

const lifeRecords = fc.record({
  source: fc.constantFrom('a', 'b'),
  entity: fc.nat(2),
  key: fc.option(fc.nat(1)),
  minute: fc.integer({ min: -90, max: 90 }),
  value: fc.nat(1),
  claim: fc.integer({ min: -400, max: 60 }),
  sent: fc.option(fc.nat(5)),
  broken: fc.boolean(),
});

/** Random lives of up to a dozen requests over several hours. */
export const lives = fc.array(
  fc.record({
    mode: fc.constantFrom<LifeRequest['mode']>('live', 'live', 'import'),
    waitMinutes: fc.constantFrom(0, 1, 25, 59, 61),
    records: fc.array(lifeRecords, { minLength: 1, maxLength: 6 }),
  }),
  { minLength: 1, maxLength: 12 },
);

function textOf(record: LifeRecord, mode: LifeRequest['mode'], nowMs: number): string {
  const { source, entity, key, minute, value, claim, sent, broken } = record;
  const time = (ms: number) => new Date(ms).toISOString();
  if (broken && entity === 0) return `{"source":"${source}","event_type":"t","payload":{}}`;
  return JSON.stringify({
    source,
    event_type: 't',
    entity_id: `entity_${entity}`,
    event_time: time(LIFE_START + minute * MINUTE_MS),
    payload: { value },
    ...(key === null ? {} : { idempotency_key: `k${key}` }),
    ...(sent === null ? {} : { sent_at: time(nowMs - sent * 1_000) }),
    ...(mode === 'import' ? { received_at: time(LIFE_START + claim * MINUTE_MS) } : {}),
    producer: { id: PRODUCER, seq: minute + 91 },
  });
}

/** A backend in memory with its clock, and a context over it. */
export interface ClosedWorld {
  readonly clock: TestClock;
  readonly backend: MemoryBackend;
  readonly context: Context;
}

/** Creates an empty world. By default, its events never expire. */
export function createWorld(indexRetentionMs = Number.POSITIVE_INFINITY): ClosedWorld {
  const clock = createTestClock(LIFE_START);
  const backend = createMemoryBackend(clock);
  return { clock, backend, context: createQuestionContext({ backend, indexRetentionMs }) };
}

/** Plays a request. */
export async function play(
  { clock, context }: ClosedWorld,
  { mode, waitMinutes, records }: LifeRequest,
): Promise<void> {
  clock.ms += waitMinutes * MINUTE_MS + 1;
  await ingest(context, {
    body: new TextEncoder().encode(records.map((record) => textOf(record, mode, clock.ms)).join('\n')),
    format: 'ndjson',
    mode,
    receivedMs: clock.ms,
    requestId: context.newId(),
    principal: null,
    dryRun: false,
  });
}

/** Plays the requests of a life, and closes what is due after those that `closings` names. */
export async function playAndClose(
  world: ClosedWorld,
  requests: readonly LifeRequest[],
  closings: readonly boolean[],
): Promise<void> {
  for (const [i, request] of requests.entries()) {
    await play(world, request);
    if (closings[i]) await closeDue(world, { all: closings[i + 1] });
  }
}

/** Sweeps, then closes what is due. */
export async function closeDue({ context }: Pick<ClosedWorld, 'context'>, options = {}) {
  await sweep(context, { minAgeMs: 0, lookBackMs: MS_PER_HOUR });
  return compact(context, options);
}

/** The closed hours of a world. */
export async function closedHours({ context }: Pick<ClosedWorld, 'context'>): Promise<readonly ClosedHour[]> {
  return (await context.backend.closedHours?.list({ fromMs: 0, toMs: 2 ** 47 })) ?? [];
}

/** All receipts of an hour. */
export async function receiptsOf(
  { context }: Pick<ClosedWorld, 'context'>,
  hour: ClosedHour,
): Promise<ClosedReceipt[]> {
  const found: ClosedReceipt[] = [];
  for await (const receipt of context.backend.closedHours?.readReceipts(hour) ?? []) found.push(receipt);
  return found;
}

/** All slices of the index, by today's way of reading them. */
export function slicesOf({ backend }: Pick<ClosedWorld, 'backend'>): Promise<SliceRow[]> {
  return all((cursor) => backend.index.listSlices({ fromDay: -1e6, toDay: 1e7, withEntries: true, cursor }));
}

/** Slices as comparable values: without what follows from their entries. */
export function comparable(slices: readonly SliceRow[]): string[] {
  const texts = slices.map(({ entries, expires_ms: _, lag: __, delay: ___, ...slice }) => {
    return JSON.stringify({ ...slice, entries: decodeEntries(entries) }, Object.keys(slice).concat(ENTRY).sort());
  });
  return texts.sort();
}

const ENTRY = [
  ...['entries', 'event_id', 'outcome', 'event_ms', 'event_sub_ns', 'received_ms'],
  ...['payload_hash', 'line', 'sent_ms', 'first_received_ms'],
];

/** The slices that receipts of closed hours make. */
export function slicesOfReceipts(receipts: readonly ClosedReceipt[]): SliceRow[] {
  const maker = createSliceMaker();
  for (const receipt of receipts) if (receipt.answered !== 'REJECTED') maker.add(receipt);
  return maker.slices();
}

/** The cells of slices, in order. */
export function cellsOfSlices(slices: readonly SliceRow[]): Cell[] {
  const maker = createCellMaker();
  for (const slice of slices) maker.add(slice);
  return maker.cells();
}

/** Cells of which several may have a key, as one of each. */
export function mergedCells(rows: readonly CellRow[]): Map<string, Cell> {
  const merged = new Map<string, Cell>();
  for (const cell of rows.map(decodeCell)) {
    const key = JSON.stringify(cell.key);
    const known = merged.get(key) ?? createCell(cell.key);
    mergeCell(known, cell);
    merged.set(key, known);
  }
  return merged;
}
