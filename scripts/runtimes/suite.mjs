// The promises of a producer, tested on the build on any runtime: no test framework, no module of a host. `sink` is the URL
// of the server of scripts/runtimes.mjs, which fails in the ways that its paths name.
import * as schema from '@pik/schema';
import { createProducer, defineCatalog } from '@pik/sdk';
import { createInvestigator } from '@pik/sdk/investigator';

/** Runs everything; gives the names of what held. Throws what did not. */
export async function runSuite({ sink, vectors }) {
  const held = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    try {
      await check({ sink, vectors });
    } catch (cause) {
      throw new Error(`${name}: ${cause?.message ?? cause}`, { cause });
    }
    held.push(name);
  }
  return held;
}

const log = () => {};
const to = { entity_id: 'user_123' };

const CHECKS = {
  'the golden vectors give the same ids'({ vectors }) {
    equal(vectors.length > 20, true);
    for (const { fields, event_id } of vectors) {
      const event_time = schema.parseTime(fields.event_time);
      const payload_hash = schema.payloadHash(fields.payload);
      equal(schema.deriveIdentity({ ...fields, event_time, payload_hash }).event_id, event_id);
    }
  },

  async 'every event has its result, and the id that was known before'({ sink }) {
    const catalog = defineCatalog({ 'order.placed': { identity: ({ order_id }) => order_id } });
    const producer = createProducer({ url: `${sink}/plain`, catalog, source: run(), log });
    const sents = ['a', 'b', 'a'].map((order_id) => producer.emit('order.placed', { order_id, name: 'é €' }, to));
    const ids = sents.map(({ event_id }) => event_id);
    const results = await Promise.all(sents.map(({ result }) => result));
    equal(results.map(({ status }) => status).join(), 'ACCEPTED,ACCEPTED,DUPLICATE');
    equal(results.map(({ event_id }) => event_id).join(), ids.join());
    await closed(producer, { acked: 3 });
  },

  async 'a payload is as it was at emit, and an invalid event is a result, not an exception'({ sink }) {
    const producer = createProducer({ url: `${sink}/plain`, source: run(), log });
    const payload = { list: [1] };
    const sent = producer.emit('t', payload, to);
    payload.list.push(2);
    const refused = await producer.emit('t', { n: 1n }, to).result;
    equal(refused.status, 'REJECTED');
    equal((await sent.result).raw_key, '{"list":[1]}');
    await closed(producer, { acked: 1, rejected: 1 });
  },

  async 'large batches go compressed, thousands of events at a time, several requests at once'({ sink }) {
    const producer = createProducer({ url: `${sink}/plain`, source: run(), log });
    for (let n = 0; n < 3_000; n++) {
      if (n % 100 === 0) await producer.ready();
      producer.emit('t', { n, fill: 'x'.repeat(100) }, to);
    }
    await closed(producer, { acked: 3_000 });
  },

  async 'errors, broken connections and lost answers are tried again, with the same bytes'({ sink }) {
    const producer = createProducer({ url: `${sink}/flaky`, source: run(), batchCountMax: 20, log });
    const sents = Array.from({ length: 60 }, (_, n) => producer.emit('t', { n }, to));
    await producer.flush();
    const statuses = new Set((await Promise.all(sents.map(({ result }) => result))).map(({ status }) => status));
    equal([...statuses].filter((status) => status !== 'ACCEPTED' && status !== 'DUPLICATE').join(), '');
    await closed(producer, { acked: 60 });
  },

  async 'a batch that is too large goes in halves'({ sink }) {
    const producer = createProducer({ url: `${sink}/small`, source: run(), log });
    for (let n = 0; n < 100; n++) producer.emit('t', { n }, to);
    await closed(producer, { acked: 100 });
  },

  async 'a refused key pauses and keeps, and flush says so'({ sink }) {
    const producer = createProducer({ url: `${sink}/refused`, source: run(), log });
    producer.emit('t', {}, to);
    const code = await producer.flush().then(
      () => 'none',
      (error) => error.code,
    );
    equal(code, 'UNAUTHENTICATED');
    equal(producer.stats().state, 'PAUSED');
    equal(producer.stats().pending, 1);
    await closed(producer, { undelivered: 1 });
  },

  async 'nothing is lost count of where the buffer is full, under each policy'({ sink }) {
    for (const overflow of ['wait', 'undelivered', 'drop-oldest']) {
      const producer = createProducer({ url: `${sink}/plain`, source: run(), overflow, bufferCountMax: 10, log });
      for (let n = 0; n < 50; n++) producer.emit('t', { n }, to);
      await producer.close();
      const { emitted, acked, undelivered, dropped } = producer.stats();
      equal(emitted, 50);
      equal(acked + undelivered + dropped, 50);
      equal(overflow === 'drop-oldest' ? dropped : undelivered, 40);
    }
  },

  async 'a fetch of its own takes the place of the network'() {
    let path = '';
    const fetch = async (request) => {
      path = new URL(request.url).pathname;
      await request.text();
      return new Response('', { status: 422 });
    };
    const producer = createProducer({ fetch, source: run(), attemptsMax: 1, log });
    equal((await producer.emit('t', {}, to).result).status, 'UNDELIVERED');
    equal(path, '/ingest');
    await closed(producer, { undelivered: 1 });
  },

  async 'a reader that is aborted says so at once, and gives nothing more'() {
    const line = '{"event_id":"x","body":"{}"}\n';
    // A body that goes on for ever and heeds no signal.
    const body = () =>
      new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode(line.repeat(9))) });
    const { readEvents } = createInvestigator({ fetch: async () => new Response(body()) });
    const ways = { 3: (stop) => stop.abort(), 9: (stop) => setTimeout(() => stop.abort(), 5) };
    for (const [last, abort] of Object.entries(ways)) {
      const stop = new AbortController();
      let given = 0;
      const read = async () => {
        for await (const _ of readEvents({ entity_id: 'e' }, { signal: stop.signal }))
          if (++given === Number(last)) abort(stop);
        return 'the end';
      };
      equal(await read().catch(({ code, retryable }) => `${code} ${retryable}`), 'ABORTED false');
      equal(given, Number(last));
    }
  },
};

/** Every run is a source of its own, so that one sink serves many. */
function run() {
  return `suite-${crypto.randomUUID()}`;
}

async function closed(producer, wanted) {
  await producer.close();
  const { emitted, acked, rejected, undelivered, dropped, pending } = producer.stats();
  equal(acked + rejected + undelivered + dropped + pending, emitted);
  equal(pending, 0);
  for (const [name, count] of Object.entries(wanted)) equal(producer.stats()[name], count);
}

function equal(actual, wanted) {
  if (actual !== wanted) throw new Error(`expected ${wanted}, got ${actual}`);
}
