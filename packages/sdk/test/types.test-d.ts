// Type errors that users must get: a line below without an error fails `tsc`.
import { createProducer, defineCatalog, type EmitResult, type Emitted, type KitError, type Producer } from '@pik/sdk';
import { openOutbox } from '@pik/sdk/outbox';
import { createCollectingProducer } from '@pik/sdk/testing';
import '@pik/sdk/vitest';
import * as v from 'valibot';
import { expect, expectTypeOf } from 'vitest';
import { z } from 'zod';
import * as mini from 'zod/mini';

const catalog = defineCatalog({
  'order.placed': {
    payload: z.object({ order_id: z.string(), total_cents: z.int() }),
    identity: ({ order_id }) => order_id,
  },
  'page.viewed': { payload: mini.object({ path: mini.string() }), identity: 'occurrence' },
  'user.invited': { payload: v.object({ email: v.string(), seats: v.optional(v.number(), 1) }), identity: 'content' },
  'anything.else': {},
});

const producer = createProducer({ catalog, source: 'checkout', url: 'http://127.0.0.1:4600', apiKey: 'k' });
const to = { entity_id: 'user_123' };

producer.emit('order.placed', { order_id: 'o-1', total_cents: 4_200 }, to);
producer.emit('page.viewed', { path: '/' }, { ...to, event_time: new Date() });
// The input type of the schema, not its output: a field with a default is optional.
producer.emit('user.invited', { email: 'a@b.c' }, to);
producer.emit('anything.else', { any: ['thing'] }, to);

// @ts-expect-error an event that the catalog does not have
producer.emit('order.cancelled', {}, to);
// @ts-expect-error a payload of another event
producer.emit('order.placed', { path: '/' }, to);
// @ts-expect-error a field of the wrong type, with zod
producer.emit('order.placed', { order_id: 1, total_cents: 4_200 }, to);
// @ts-expect-error a field of the wrong type, with zod/mini
producer.emit('page.viewed', { path: 1 }, to);
// @ts-expect-error a field of the wrong type, with valibot
producer.emit('user.invited', { email: 1 }, to);
// @ts-expect-error a missing field
producer.emit('order.placed', { order_id: 'o-1' }, to);
// @ts-expect-error no options at all
producer.emit('page.viewed', { path: '/' });
// @ts-expect-error no entity_id
producer.emit('page.viewed', { path: '/' }, {});
// @ts-expect-error a payload that is not an object
producer.emit('anything.else', 'text', to);
// Null is a deletion, whatever the payload is otherwise.
producer.emit('order.placed', null, to);
// @ts-expect-error a mistyped option
producer.emit('anything.else', {}, { entity_id: 'user_123', idempotncy_key: 'k' });
// @ts-expect-error an unknown identity
defineCatalog({ t: { identity: 'sometimes' } });
// @ts-expect-error an identity function over a field that the payload does not have
defineCatalog({ t: { payload: z.object({ a: z.string() }), identity: ({ b }) => b } });
// @ts-expect-error an unknown overflow policy
createProducer({ url: 'http://x', overflow: 'explode' });

// Without a catalog, payloads are untyped, but the entity is required.
const untyped = createProducer({ url: 'http://x', source: 's' });
untyped.emit('whatever.happened', { at: 1 }, to);
// @ts-expect-error no entity_id
untyped.emit('whatever.happened', { at: 1 }, {});

const sent = untyped.emit('t', {}, to);
expectTypeOf(sent).toEqualTypeOf<Emitted>();
expectTypeOf(sent.event_id).toEqualTypeOf<string | null>();
expectTypeOf(sent.result).toEqualTypeOf<Promise<EmitResult>>();
expectTypeOf(sent.stored).toEqualTypeOf<Promise<KitError | null>>();
expectTypeOf<EmitResult['status']>().toEqualTypeOf<
  'ACCEPTED' | 'DUPLICATE' | 'CONFLICT' | 'REJECTED' | 'UNDELIVERED'
>();

createProducer({ url: 'http://x', outbox: await openOutbox({ dir: 'outbox' }) });
// @ts-expect-error an outbox that is not open yet
createProducer({ url: 'http://x', outbox: openOutbox({ dir: 'outbox' }) });

// A collecting producer can replace the real one.
const collecting = createCollectingProducer({ catalog });
expectTypeOf(collecting).toExtend<Producer<typeof catalog>>();
collecting.emit('page.viewed', { path: '/' }, to);
// @ts-expect-error a payload of another event
collecting.emit('page.viewed', { order_id: 'o-1' }, to);
expect(collecting).toHaveEmitted('page.viewed', { path: '/' }, to);
// @ts-expect-error a count is a number
expect(collecting).toHaveEmittedTimes('page.viewed', 'twice');
