// The builds of schema and sdk, used as by a service on the oldest supported Node: both module systems, and a
// producer that gets answers. Plain JavaScript: Node 20 reads no TypeScript.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import * as schema from '@pik/schema';
import { createProducer } from '@pik/sdk';
import { createInvestigator } from '@pik/sdk/investigator';

const require = createRequire(import.meta.url);
const NAMES = [
  '@pik/schema',
  '@pik/schema/events',
  '@pik/sdk',
  '@pik/sdk/investigator',
  '@pik/sdk/outbox',
  '@pik/sdk/testing',
];
for (const name of NAMES) assert.ok(require(name), `${name} can be required`);

const { vectors } = JSON.parse(
  readFileSync(new URL('../packages/schema/vectors/identity.json', import.meta.url), 'utf8'),
);
for (const { fields, event_id } of vectors) {
  const event_time = schema.parseTime(fields.event_time);
  assert.equal(
    schema.deriveIdentity({ ...fields, event_time, payload_hash: schema.payloadHash(fields.payload) }).event_id,
    event_id,
  );
}

const producer = createProducer({ fetch: answerAll, source: 'smoke' });
const emitted = producer.emit('smoke.tested', { n: 1 }, { entity_id: 'e' });
await producer.close();
assert.equal((await emitted.result).status, 'ACCEPTED');
assert.equal(typeof createInvestigator({ fetch: answerAll }).lag, 'function');
console.log(`Node ${process.version}: ${vectors.length} vectors, one event acknowledged`);

/** As the backend does: by the ids that the bytes have. */
async function answerAll(request) {
  const records = (await request.text()).split('\n').map((line) => JSON.parse(line));
  const results = records.map(({ event_time, payload, ...fields }, line) => ({
    event_id: schema.deriveIdentity({
      ...fields,
      event_time: schema.parseTime(event_time),
      payload_hash: schema.payloadHash(payload),
    }).event_id,
    status: 'ACCEPTED',
    lag_ms: 0,
    raw_key: 'raw',
    line,
  }));
  return Response.json({ results, counts: { ACCEPTED: results.length } });
}
