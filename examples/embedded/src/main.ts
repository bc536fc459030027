// The whole kit in one process: producer and investigator get the app's own fetch, so there is no socket.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createApp, createPipeline, silentTelemetry } from '@pik/engine';
import { openLocalBackend } from '@pik/engine/local';
import { createProducer } from '@pik/sdk';
import { createInvestigator } from '@pik/sdk/investigator';

const dir = mkdtempSync(join(tmpdir(), 'pik-embedded-'));
const pipeline = createPipeline({ backend: await openLocalBackend({ dir }) });
const { fetch } = createApp({ pipeline, telemetry: silentTelemetry });

const producer = createProducer({ fetch, source: 'checkout' });
const order = { order_id: 'o-1', total_cents: 4200 };
const first = producer.emit('order.placed', order, { entity_id: 'user_123', idempotency_key: 'o-1' });
const again = producer.emit('order.placed', order, { entity_id: 'user_123', idempotency_key: 'o-1' });
const changed = producer.emit(
  'order.placed',
  { ...order, total_cents: 1 },
  { entity_id: 'user_123', idempotency_key: 'o-1' },
);
await producer.close();

const outcomes = await Promise.all([first, again, changed].map(async ({ result }) => (await result).status));
console.log('outcomes:', outcomes.join(', '));
assert.deepEqual(outcomes, ['ACCEPTED', 'DUPLICATE', 'CONFLICT']);

const story = await createInvestigator({ fetch }).explainEvent(first.event_id ?? '');
console.log(story.summary);
console.log(story.findings[0]?.text);
assert.equal(story.bytes?.state, 'OK');
assert.equal(story.deliveries.length, 2);

await pipeline.close();
rmSync(dir, { recursive: true });
