import { createHash } from 'node:crypto';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import { valueSum } from '@pik/testkit/fixtures/engine/replay-world';
import { readAll } from '@pik/testkit/fixtures/engine/replays';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import {
  answersAsOf,
  type ImportedRecord,
  type SmallRecord,
  sendRecords,
  textOf,
  WORLD_END,
  WORLD_START,
} from '../support/import-world.ts';

// Importing the same receipts in any order and any batches, concurrently or one after another, before or after the
// live ones, gives the same first receipts, payloads, counts and answers, as of any time.

const MINUTE_MS = 60_000;
/** Receive times of live receipts, in minutes. Imports come between them, and claim earlier, equal and later times. */
const LIVE_AT = [120, 240, 360];

const content = fc.record({
  entity: fc.integer({ min: 1, max: 2 }),
  key: fc.option(fc.constant(1)),
  minute: fc.integer({ min: 0, max: 1 }),
  value: fc.integer({ min: 1, max: 3 }),
});
const imported: fc.Arbitrary<ImportedRecord> = fc
  .record({
    record: content,
    claim: fc.constantFrom(10, 60, 119, 120, 180, 240, 300),
    nanoseconds: fc.constantFrom(0, 0, 1, 2),
    spaces: fc.integer({ min: 0, max: 1 }),
  })
  .map(({ record, ...rest }) => ({ ...record, ...rest }));
const live = fc.tuple(...LIVE_AT.map(() => fc.array(content, { maxLength: 2 })));

/** Place of each import: the number of live requests before it, its batch there, and its order. */
interface Place {
  readonly after: number;
  readonly batch: number;
  readonly order: number;
}
const place: fc.Arbitrary<Place> = fc.record({
  after: fc.integer({ min: 0, max: LIVE_AT.length }),
  batch: fc.integer({ min: 0, max: 2 }),
  order: fc.integer({ min: 0, max: 9 }),
});

interface Receipts {
  readonly live: readonly (readonly SmallRecord[])[];
  readonly imports: readonly ImportedRecord[];
}

/** The minute of the imports that follow the given number of live requests. */
const clockAfter = (requests: number) => (LIVE_AT[requests] === undefined ? 600 : LIVE_AT[requests] - 0.5);

async function play(
  pipeline: Pipeline,
  clock: { ms: number; now(): number },
  receipts: Receipts,
  places: readonly Place[],
) {
  for (let slot = 0; slot <= LIVE_AT.length; slot++) {
    clock.ms = WORLD_START + clockAfter(slot) * MINUTE_MS;
    const here = receipts.imports
      .map((record, i) => ({ record, place: places[i] as Place }))
      // A record cannot be imported before its claimed receive time.
      .filter(({ record, place: { after } }) =>
        slot === LIVE_AT.length ? isLeft(record, after) : slot === after && record.claim <= clockAfter(slot),
      )
      .sort((a, b) => a.place.order - b.place.order);
    const batches = Map.groupBy(here, (one) => one.place.batch);
    await Promise.all(
      [...batches.values()].map((batch) =>
        sendRecords(pipeline, clock, { mode: 'import', records: batch.map(({ record }) => record) }),
      ),
    );
    const records = receipts.live[slot] ?? [];
    clock.ms = WORLD_START + (LIVE_AT[slot] ?? 600) * MINUTE_MS;
    if (records.length > 0) await sendRecords(pipeline, clock, { mode: 'live', records });
  }
  clock.ms = WORLD_END;
}

/** True for an import that cannot come in its own place: it comes at the end. */
const isLeft = ({ claim }: ImportedRecord, after: number) => after === LIVE_AT.length || claim > clockAfter(after);

function create() {
  const clock = createTestClock(WORLD_START);
  const backend = createMemoryBackend(clock);
  return { clock, backend, pipeline: createPipeline({ backend, aggregates: [valueSum] }) };
}

const AS_OF = [119, 120, 200, 600].map((minute) => WORLD_START + minute * MINUTE_MS);

async function answersOf(pipeline: Pipeline) {
  const answers: unknown[] = [];
  for (const asOf of AS_OF) answers.push(await answersAsOf(pipeline, asOf));
  return answers;
}

const IMPORTS_MAX = 7;

test('any order, batches and places of the same imports give the same answers as of any time', async () => {
  await fc.assert(
    fc.asyncProperty(
      live,
      fc.array(imported, { minLength: 1, maxLength: IMPORTS_MAX }),
      fc.array(place, { minLength: IMPORTS_MAX, maxLength: IMPORTS_MAX }),
      fc.array(place, { minLength: IMPORTS_MAX, maxLength: IMPORTS_MAX }),
      async (lives, imports, some, others) => {
        const [one, two] = [create(), create()];
        await play(one.pipeline, one.clock, { live: lives, imports }, some);
        await play(two.pipeline, two.clock, { live: lives, imports }, others);
        expect(await answersOf(two.pipeline)).toEqual(await answersOf(one.pipeline));
        for (const { pipeline } of [one, two]) {
          const parts = await readAll(async (cursor) => {
            const { next_cursor: next, ...part } = await pipeline.verify(cursor);
            return { items: [part], next };
          });
          expect(parts.flatMap(({ faults }) => faults)).toEqual([]);
        }
        await Promise.all([one, two].map(({ pipeline }) => pipeline.close()));
      },
    ),
    runs(40),
  );
});

/** The rule in a few lines, over all receipts at once: what the index finds receipt by receipt. */
function firstOf(receipts: readonly Sent[]): Sent {
  const [live] = receipts.filter(({ imported: is }) => !is);
  const eligible = receipts.filter(
    (one) => one === live || (one.imported && (live === undefined || one.value === live.value)),
  );
  return eligible.reduce((first, one) => (comesBefore(one, first) ? one : first));
}

/** Breaks a tie if no line of a file does. */
const digestOf = ({ text }: Sent) => createHash('sha256').update(text).digest('hex').slice(0, 12);

interface Sent extends SmallRecord {
  readonly imported: boolean;
  readonly at: number;
  readonly nanoseconds: number;
  readonly text: string;
}

function comesBefore(a: Sent, b: Sent): boolean {
  if (a.at !== b.at) return a.at < b.at;
  if (a.imported !== b.imported) return b.imported;
  if (a.nanoseconds !== b.nanoseconds) return a.nanoseconds < b.nanoseconds;
  return digestOf(a) < digestOf(b);
}

test('the first receipt is the one that the rule names, and all others are compared with it', async () => {
  await fc.assert(
    fc.asyncProperty(
      live,
      fc.array(imported, { minLength: 1, maxLength: IMPORTS_MAX }),
      fc.array(place, { minLength: IMPORTS_MAX, maxLength: IMPORTS_MAX }),
      async (lives, imports, places) => {
        const { pipeline, clock } = create();
        await play(pipeline, clock, { live: lives, imports }, places);
        const sent: Sent[] = [
          ...lives.flatMap((records, i) =>
            records.map((one) => ({
              ...one,
              imported: false,
              at: LIVE_AT[i] as number,
              nanoseconds: 0,
              text: textOf(one),
            })),
          ),
          ...imports.map((one) => ({
            ...one,
            imported: true,
            at: one.claim,
            nanoseconds: one.nanoseconds ?? 0,
            text: textOf(one),
          })),
        ];
        const identity = ({ entity, key, minute, value }: SmallRecord) =>
          JSON.stringify(key === null ? [entity, minute, value] : [entity, key]);
        const expected = [...Map.groupBy(sent, identity).values()].map((receipts) => {
          const first = firstOf(receipts);
          const conflicts = receipts.filter(({ value }) => value !== first.value).length;
          return { received: first.at, value: first.value, conflicts, receipts: receipts.length };
        });
        const found: typeof expected = [];
        for (const entity_id of ['entity_1', 'entity_2']) {
          const query = { entity_id, start_time: null, end_time: null, asOfMs: null, limit: 100, cursor: null };
          for await (const line of pipeline.rawEvents(query, { deliveries: true })) {
            const { end, received_at, body, deliveries } = JSON.parse(line);
            if (end) continue;
            found.push({
              received: (Date.parse(received_at) - WORLD_START) / MINUTE_MS,
              value: JSON.parse(body).payload.value,
              conflicts: deliveries.filter(({ outcome }: { outcome: string }) => outcome === 'CONFLICT').length,
              receipts: deliveries.length + 1,
            });
          }
        }
        const sorted = (list: typeof expected) => list.map((one) => JSON.stringify(one)).sort();
        expect(sorted(found)).toEqual(sorted(expected));
        const { total } = await pipeline.ask('duplicates', {
          by: [],
          basis: 'event',
          include_imported: true,
          limit: 100,
        });
        const conflicts = expected.reduce((sum, one) => sum + one.conflicts, 0);
        expect(total).toMatchObject({ receipts: sent.length, events: expected.length, conflicts });
        await pipeline.close();
      },
    ),
    runs(200),
  );
});

test('two imports of one time are ordered by the line of the file, or without it by their bytes', async () => {
  const record = (value: number): ImportedRecord => ({ entity: 1, key: 1, minute: 0, value, claim: 60 });
  const bodyOf = async (pipeline: Pipeline) => {
    const query = { entity_id: 'entity_1', start_time: null, end_time: null, asOfMs: null, limit: 9, cursor: null };
    for await (const line of pipeline.rawEvents(query)) return (JSON.parse(line) as { body: string }).body;
    return null;
  };
  const first: (string | null)[] = [];
  for (const batches of [
    [1, 2],
    [2, 1],
  ]) {
    const { pipeline, clock } = create();
    clock.ms = WORLD_END;
    for (const value of batches)
      await sendRecords(pipeline, clock, { mode: 'import', records: [record(value)], firstLine: value });
    expect(await bodyOf(pipeline)).toBe(textOf(record(1)));
    await pipeline.close();
    const unnumbered = create();
    unnumbered.clock.ms = WORLD_END;
    for (const value of batches)
      await sendRecords(unnumbered.pipeline, unnumbered.clock, { mode: 'import', records: [record(value)] });
    first.push(await bodyOf(unnumbered.pipeline));
    await unnumbered.pipeline.close();
  }
  expect(first[0]).toBe(first[1]);
});
