// A release with a bug goes out, revenue jumps, and nobody knows why. The investigation finds the events behind it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { defineAggregate, sumOf } from '@pik/aggregates';
import { createApp, createPipeline, silentTelemetry } from '@pik/engine';
import { openLocalBackend } from '@pik/engine/local';
import { changeView, viewText } from '@pik/render';
import { createProducer } from '@pik/sdk';
import { createInvestigator } from '@pik/sdk/investigator';

import { type Order, takeOrders } from './shop.ts';

const revenue = defineAggregate({
  metric: 'revenue_cents',
  definition_version: 1,
  group_by: 'source',
  window: 'day',
  time_zone: 'UTC',
  ...sumOf(({ event_type, payload }) => (event_type === 'order.placed' ? (payload as Order).total_cents : null)),
});

const dir = mkdtempSync(join(tmpdir(), 'pik-orders-'));
const pipeline = createPipeline({ backend: await openLocalBackend({ dir }), aggregates: [revenue] });
const { fetch } = createApp({ pipeline, telemetry: silentTelemetry });
const producer = createProducer({ fetch, source: 'shop' });
const investigator = createInvestigator({ fetch });

await awayFromMidnight();
const day = new Date().toISOString().slice(0, 10);
await takeOrders(producer, '2.3.0');
const before = await pause();
const twice = await takeOrders(producer, '2.4.0');
const after = await pause();

const value = { metric: 'revenue_cents', key: 'shop', window_start: day };
const at = async (as_of: string) => (await investigator.computeAggregate({ ...value, as_of })).value as number;
console.log(`revenue: ${await at(before)} after release 2.3.0, ${await at(after)} after release 2.4.0`);

// Both releases had the same number of orders, but more events came from the second.
const change = await investigator.explainChange({ ...value, from: before, to: after, limit: 100 });
const [cause] = change.classes;
const of = (field: string) => cause?.dimensions.find((dimension) => dimension.field === field)?.values ?? [];
console.log(change.sentence);
console.log(
  `by attempt: ${of('payload.attempt')
    .map(({ value: attempt, contribution }) => `${attempt}: +${contribution}`)
    .join(', ')}`,
);
assert.equal(change.exact, true);
assert.deepEqual(
  of('payload.release').map(({ value: release }) => release),
  ['2.4.0'],
);

// The new events include second attempts. What if an order were one event, however often it is sent?
const midnight = `${day}T00:00:00Z`;
const tomorrow = new Date(Date.parse(midnight) + 86_400_000).toISOString();
const { changes } = await investigator.simulate(
  revenue,
  { source: 'shop', start_time: midnight, end_time: tomorrow, as_of: after },
  { whatIf: { identity: ({ payload }) => (payload as Order).order_id } },
);
const [removed] = changes;
assert.ok(removed !== undefined);
console.log(viewText(changeView(removed, { rowsMax: 3, fullAnswer: 'the answer has all', next: String })));

// Exactly the orders that were sent twice, and exactly their value.
const surplus = twice.reduce((sum, { total_cents }) => sum + total_cents, 0);
assert.equal(removed.delta, -surplus);
assert.deepEqual(
  removed.classes.map((part) => part.class),
  ['DUPLICATE_REMOVED'],
);
const bodies = await Promise.all(
  removed.events.map(async ({ pack_id, line }) => {
    const { bytes } = await investigator.getReceipt({ pack_id, line });
    return (JSON.parse(new TextDecoder().decode(bytes)) as { payload: Order }).payload;
  }),
);
assert.deepEqual(bodies.map(({ order_id }) => order_id).sort(), twice.map(({ order_id }) => order_id).sort());
console.log(`found: ${bodies.length} orders were counted twice, ${surplus} cents too much, all by release 2.4.0`);

await producer.close();
await pipeline.close();
rmSync(dir, { recursive: true });

/** A receive time after all earlier receipts and before all later ones. */
async function pause(): Promise<string> {
  await setTimeout(5);
  const now = new Date().toISOString();
  await setTimeout(5);
  return now;
}

/** The story takes place on one day. */
async function awayFromMidnight(): Promise<void> {
  const left = 86_400_000 - (Date.now() % 86_400_000);
  if (left < 30_000) await setTimeout(left + 1_000);
}
