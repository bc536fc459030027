// The same by `require`.
const assert = require('node:assert/strict');
const { createProducer } = require('@pik/sdk');
const { openOutbox } = require('@pik/sdk/outbox');

const [url, runtime] = process.argv.slice(2);
assert.equal(typeof openOutbox, 'function');
const producer = createProducer({ url, source: 'installed' });
const sent = producer.emit('order.placed', { n: 1 }, { entity_id: `required-${runtime}` });
producer.close().then(async () => {
  assert.equal((await sent.result).status, 'ACCEPTED');
  console.log('held');
});
