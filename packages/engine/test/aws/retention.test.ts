import { MS_PER_DAY } from '@pik/schema';
import { createTestClock, makeFailureRow, type TestClock } from '@pik/testkit';
import { createFakeAws, FAKE_RESOURCES, type FakeAws, itemBytes } from '@pik/testkit/aws';
import { readAll } from '@pik/testkit/fixtures/engine/replays';
import { type SmallRecord, send, snapshot } from '@pik/testkit/fixtures/engine/world';
import { beforeEach, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import { sweep } from '../../src/ingest/sweep.ts';
import type { Backend } from '../../src/ports/backend.ts';
import { type Context, createContext } from '../../src/runtime/context.ts';

// DynamoDB deletes a row soon after it has expired, or days later. No answer may depend on when (G5, I15, D18).

const RETENTION_MS = 10 * MS_PER_DAY;
const SWEEP = { minAgeMs: 0, lookBackMs: 0 };

let clock: TestClock;
let aws: FakeAws;
let backend: Backend;
let context: Context;

beforeEach(() => {
  clock = createTestClock();
  aws = createFakeAws({ clock });
  backend = aws.open();
  context = createContext({ backend, indexRetentionMs: RETENTION_MS });
});

const record = (value: number, rest: Partial<SmallRecord> = {}): SmallRecord => ({
  entity: 1,
  key: null,
  minute: 0,
  value,
  broken: false,
  ...rest,
});
const REQUEST = [record(1), record(1), record(2, { key: 1 }), record(3, { key: 1 }), record(0, { broken: true })];

/** As DynamoDB does it, of every row whose time to live is over. */
function deleteEnded(): number {
  const table = aws.dynamodb.tables.get(FAKE_RESOURCES.indexTable);
  const ended = (table?.all() ?? []).filter(
    ({ expires_at }) => Number(expires_at?.N ?? Number.POSITIVE_INFINITY) * 1000 <= clock.ms,
  );
  for (const { pk, sk } of ended) table?.delete({ pk: pk?.S ?? '', sk: sk?.S ?? '' });
  return ended.length;
}

async function answers() {
  const pipeline = createPipeline({ backend, indexRetentionMs: RETENTION_MS });
  const faults = await readAll(async (cursor) => {
    const page = await pipeline.verify(cursor);
    return { items: page.faults, next: page.next_cursor };
  });
  return { faults, index: await snapshot(backend) };
}

it('G5, D18: answers are the same before and after expired rows are deleted, and verify finds no fault', async () => {
  await send(context, REQUEST);
  const pack_id = (await snapshot(backend)).packs[0]?.pack_id ?? '';
  clock.ms += RETENTION_MS / 2;
  // Events of another entity: verify cannot tell of a repeat whether its event has ended or was taken away.
  await send(
    context,
    REQUEST.map((one) => ({ ...one, entity: 2 })),
  );
  const late = { kind: 'PROCESSING', received_ms: clock.ms, expires_ms: clock.ms + RETENTION_MS } as const;
  await backend.index.addFailures([makeFailureRow(pack_id, late)]);
  clock.ms += RETENTION_MS / 2;
  const before = await answers();
  expect(before.faults).toEqual([]);
  expect(before.index.packs).toHaveLength(1);
  expect(deleteEnded()).toBeGreaterThan(8);
  expect(await answers()).toEqual(before);
  clock.ms += RETENTION_MS / 2;
  const none = await answers();
  expect(none).toMatchObject({ faults: [], index: { packs: [], addresses: [], slices: [] } });
  deleteEnded();
  expect(await answers()).toEqual(none);
});

it('G21: packs whose rows have expired are not admitted again, although no PACK row is left', async () => {
  await send(context, REQUEST);
  clock.ms += RETENTION_MS;
  deleteEnded();
  expect(await sweep(context, SWEEP)).toMatchObject({ packs_listed: 0, packs_admitted: 0 });
  expect(
    aws.dynamodb.tables
      .get(FAKE_RESOURCES.indexTable)
      ?.all()
      .filter(({ pk }) => pk?.S?.startsWith('E#')),
  ).toEqual([]);
});

it('R5: a pack that S3 itself reports as damaged is one fault of verify, and verify goes on', async () => {
  await send(context, REQUEST);
  await send(context, REQUEST);
  const { rawLog } = backend;
  const [damaged] = (await rawLog.list({ fromMs: 0, toMs: 2 ** 47 })).items;
  aws.plan([
    {
      call: 1,
      times: 1_000_000,
      kind: 'damage',
      where: ({ request, input }) => request === 'GetObject' && JSON.stringify(input).includes(damaged ?? ''),
    },
  ]);
  const { faults } = await answers();
  expect(faults).toMatchObject([{ code: 'RAW_CORRUPT', pack_id: damaged }]);
});

it('D13: the row of a rejection has a bounded size for any names in the record', async () => {
  const name = '/'.repeat(200_000);
  const body = `{"source":"s","event_type":"t","entity_id":"e","event_time":"2026-01-01T00:00:00Z","payload":{"${name}":"\\ud800"}}`;
  const pipeline = createPipeline({ backend });
  const { results } = await pipeline.ingest({
    body: Buffer.from(body),
    format: 'json',
    mode: 'live',
    receivedMs: clock.ms,
    requestId: 'r',
    principal: null,
    dryRun: false,
  });
  expect(results).toMatchObject([{ status: 'REJECTED', code: 'LONE_SURROGATE' }]);
  const rows = aws.dynamodb.tables.get(FAKE_RESOURCES.indexTable)?.all() ?? [];
  expect(Math.max(...rows.map(itemBytes))).toBeLessThan(2_048);
  expect((await answers()).faults).toEqual([]);
});
