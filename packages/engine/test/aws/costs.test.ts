import { countOf, defineAggregate, sumOf } from '@pik/aggregates';
import {
  countIngest,
  eventsOf,
  type Identity,
  replayAll,
  startCounting,
} from '@pik/testkit/fixtures/engine/aws-counts';
import { workOff } from '@pik/testkit/fixtures/engine/replays';
import { expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';

// D57, D58, D59: the numbers of requests and write units that the design promises, counted in the requests sent.
// benchmarks/src/aws-costs.ts computes their price in dollars from the same counts.

const BATCHES = { events: 1_000, perRequest: 100 };

const total = (units: Readonly<Record<string, number>>) => Object.values(units).reduce((sum, n) => sum + n, 0);

it.each<[Identity, Record<string, number>]>([
  ['content', { EVENT: 1_000 }],
  ['keyed', { EVENT: 1_000, TIME: 1_000 }],
])(
  '1,000 new events in requests of 100: 10 PutObject, no read, one write unit per row (%s)',
  async (identity, rows) => {
    const { puts, reads, units } = await countIngest(identity, BATCHES);
    expect(puts).toBe(10);
    expect(reads).toBe(0);
    expect(units).toMatchObject({ ...rows, PACK: 10, SLICE: 10, SEQUENCE: 10 });
    // The receipts of a slice take some 70 bytes each.
    expect(units['SLICE receipts']).toBeLessThanOrEqual(80);
    const others = total(units) - total(rows);
    expect(others).toBeLessThanOrEqual(10 * (1 + 1 + 1 + 8) + 16);
  },
);

it.each<[Identity, { least: number; most: number }]>([
  ['content', { least: 300, most: 420 }],
  ['keyed', { least: 450, most: 640 }],
  ['duplicates', { least: 250, most: 380 }],
])('a receipt takes some hundred bytes in DynamoDB, and a third of its text in S3 (%s)', async (identity, rows) => {
  const { stored } = await countIngest(identity, BATCHES);
  const [s3, dynamodb] = [stored.s3 / BATCHES.events, stored.dynamodb / BATCHES.events];
  expect(dynamodb).toBeGreaterThan(rows.least);
  expect(dynamodb).toBeLessThan(rows.most);
  expect(s3).toBeGreaterThan(32);
  expect(s3).toBeLessThan(120);
});

it('1,000 duplicates in requests of 100: 10 PutObject, one write unit per receipt, the others looked up in one read per request', async () => {
  const { puts, reads, units } = await countIngest('duplicates', BATCHES);
  expect([puts, reads]).toEqual([10, 10]);
  expect(units).toMatchObject({ EVENT: 80, DELIVERY: 1_000, PACK: 10, SLICE: 10, SEQUENCE: 10 });
});

it('one event per request costs one PutObject and seven write units at most', async () => {
  const { puts, units } = await countIngest('keyed', { events: 20, perRequest: 1 });
  expect(puts).toBe(20);
  expect(total(units)).toBeLessThanOrEqual(20 * 6 + 16);
});

it('D12: a replay of 1,000 events takes at most 12 requests to SQS', async () => {
  const { aws, pipeline, send } = startCounting();
  for (let i = 0; i < 10; i++) await send(eventsOf('content', { from: i * 100, count: 100 }));
  aws.calls.length = 0;
  const answer = await replayAll(pipeline);
  expect(answer).toMatchObject({ sent: 1_000, complete: true });
  expect(aws.calls.filter(({ service }) => service === 'sqs').length).toBeLessThanOrEqual(12);
});

const sums = defineAggregate({
  metric: 'amount',
  definition_version: 1,
  group_by: 'all',
  window: 'day',
  time_zone: 'UTC',
  ...sumOf(({ payload }) => (payload as { amount: number }).amount),
});
const counts = defineAggregate({
  metric: 'purchases',
  definition_version: 1,
  group_by: 'source_type',
  window: 'day',
  time_zone: 'UTC',
  reads_payload: false,
  ...countOf(),
});

const partitionOf = (input: object) =>
  (input as { ExpressionAttributeValues?: Record<string, { S?: string }> }).ExpressionAttributeValues?.[':pk']?.S ?? '';

it('D19, D21: a day of 10,000 events is computed once per replay, however many messages carry it; each pack is read once', async () => {
  const { aws, send } = startCounting();
  const PACKS = 100;
  // Events of one pack lie far apart in time, so that every group of inputs needs every pack.
  const events = eventsOf('content', { from: 0, count: 10_000 });
  for (let pack = 0; pack < PACKS; pack++) await send(events.filter((_, i) => i % PACKS === pack));
  const pipeline = createPipeline({ backend: aws.open(), aggregates: [sums, counts] });
  await replayAll(pipeline);
  aws.calls.length = 0;
  expect(await workOff(pipeline)).toBeGreaterThan(90);
  const versions = aws.calls.filter(({ request, input }) => {
    const pk = (input as { Item?: { pk?: { S?: string } } }).Item?.pk?.S ?? '';
    return request === 'PutItem' && pk.startsWith('V#') && !pk.endsWith('metrics');
  });
  // One value of each of the two metrics, and of each of the 997 entities.
  expect(versions).toHaveLength(2 + 997);
  const reads = aws.calls.filter(
    ({ request, input }) => request === 'GetObject' && /^raw/.test((input as { Key: string }).Key),
  );
  expect(reads.length).toBeLessThanOrEqual(PACKS);
  // The slices of the day are read once for each of the two metrics that are not by entity: one query per partition.
  const slices = aws.calls.filter(({ request, input }) => request === 'Query' && /^S#\d/.test(partitionOf(input)));
  expect(slices.length).toBeLessThanOrEqual(2 * 8);
});
