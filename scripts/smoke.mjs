// The builds of schema and sdk, used as by a service on the oldest supported Node: both module systems, and a
// producer that gets answers. Plain JavaScript: Node 20 reads no TypeScript.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import * as schema from '@pik/schema';
import { createProducer } from '@pik/sdk';
import { createInvestigator } from '@pik/sdk/investigator';

const require = createRequire(import.meta.url);
const NAMES = [
  '@pik/schema',
  '@pik/schema/events',
  '@pik/schema/words',
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

// Each of these takes longer to load than the producer itself. Node before 20.16 has no way to load them later.
if (process.getBuiltinModule !== undefined)
  for (const program of [
    "import '@pik/sdk'",
    "process.getBuiltinModule('module').createRequire(import.meta.url)('@pik/sdk')",
  ])
    assert.deepEqual(loadedBy(program), [], `${program} loads what only the first batch needs`);

const producer = createProducer({ fetch: answerAll, source: 'smoke' });
const emitted = producer.emit('smoke.tested', { n: 1 }, { entity_id: 'e' });
await producer.close();
assert.equal((await emitted.result).status, 'ACCEPTED');
assert.equal(typeof createInvestigator({ fetch: answerAll }).lag, 'function');
console.log(`Node ${process.version}: ${vectors.length} vectors, one event acknowledged`);

/** The large modules of Node that a program has loaded at its end. */
function loadedBy(program) {
  const large = ['crypto', 'http', 'zlib'];
  const report = `process.on('exit', () => console.log(JSON.stringify(${JSON.stringify(large)}.filter((name) => process.moduleLoadList.includes('NativeModule ' + name)))));`;
  const options = { cwd: import.meta.dirname, encoding: 'utf8' };
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', `${program};${report}`], options));
}

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
