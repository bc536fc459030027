import { defineCatalog } from '@pik/sdk';
import { createCollectingProducer, producerMatchers } from '@pik/sdk/testing';
import '@pik/sdk/vitest';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';

const catalog = defineCatalog({
  'order.placed': {
    payload: z.object({ order_id: z.string(), total_cents: z.int() }),
    identity: ({ order_id }) => order_id,
  },
  'page.viewed': { payload: z.object({ path: z.string() }), identity: 'occurrence' },
});

/** Stands for an application that emits events. */
function placeOrder(producer: Pick<ReturnType<typeof collecting>, 'emit'>, order_id: string) {
  return producer.emit('order.placed', { order_id, total_cents: 4_200 }, { entity_id: 'user_123' });
}

const collecting = () => createCollectingProducer({ catalog, source: 'checkout' });

describe('a collecting producer', () => {
  it('has each event as soon as emit returns, as it would be sent', () => {
    const producer = collecting();
    const payload = { path: '/cart', at: new Date(0) };
    const { event_id } = producer.emit('page.viewed', payload, { entity_id: 'u' });
    payload.path = 'changed later';
    expect(producer.events).toEqual([
      {
        event_type: 'page.viewed',
        source: 'checkout',
        entity_id: 'u',
        payload: { path: '/cart', at: '1970-01-01T00:00:00.000Z' },
        event_id,
      },
    ]);
    expect(event_id).toHaveLength(47);
  });

  it('returns the results of an initially empty backend, by identity', async () => {
    await using producer = collecting();
    const results = [
      placeOrder(producer, 'o-1').result,
      placeOrder(producer, 'o-1').result,
      producer.emit('order.placed', { order_id: 'o-1', total_cents: 1 }, { entity_id: 'user_123' }).result,
      placeOrder(producer, 'o-2').result,
    ];
    const statuses = (await Promise.all(results)).map(({ status }) => status);
    expect(statuses).toEqual(['ACCEPTED', 'DUPLICATE', 'CONFLICT', 'ACCEPTED']);
    expect(producer.stats()).toMatchObject({ emitted: 4, acked: 4, pending: 0 });
  });

  it('refuses the same events as the real producer, at once', () => {
    const producer = collecting();
    producer.emit('order.placed', { order_id: 7 } as never, { entity_id: 'u' });
    producer.emit('not.declared' as never, {} as never, { entity_id: 'u' });
    expect(producer.events).toEqual([]);
    expect(producer.refused.map(({ code }) => code)).toEqual(['PAYLOAD_INVALID', 'EVENT_NOT_DECLARED']);
  });

  it('returns any result that the test asks for', async () => {
    for (const status of ['ACCEPTED', 'DUPLICATE', 'CONFLICT', 'REJECTED', 'UNDELIVERED'] as const) {
      await using producer = createCollectingProducer({ answer: () => status });
      const { result } = producer.emit('t', { big: 'x'.repeat(2_000) }, { entity_id: 'e' });
      expect((await result).status).toBe(status);
    }
  });

  it('forgets everything on clear, and closes like the real producer', async () => {
    const producer = collecting();
    placeOrder(producer, 'o-1');
    producer.emit('page.viewed', { path: 5 } as never, { entity_id: 'u' });
    producer.clear();
    expect([producer.events, producer.refused]).toEqual([[], []]);
    await producer.flush();
    await producer.close();
    placeOrder(producer, 'o-2');
    expect(producer).toHaveRefused('PRODUCER_CLOSED');
    expect(producer.producer_id).toHaveLength(36);
    await producer.ready();
  });
});

describe('the matchers', () => {
  it('compare payload and fields partially, and allow asymmetric matchers anywhere', () => {
    const producer = collecting();
    expect(producer).not.toHaveEmitted();
    placeOrder(producer, 'o-1');
    expect(producer).toHaveEmitted();
    expect(producer).toHaveEmitted('order.placed');
    expect(producer).toHaveEmitted('order.placed', { order_id: 'o-1' });
    expect(producer).toHaveEmitted('order.placed', { total_cents: expect.any(Number) }, { entity_id: 'user_123' });
    expect(producer).not.toHaveEmitted('order.placed', { order_id: 'o-2' });
    expect(producer).not.toHaveEmitted('order.placed', {}, { entity_id: 'somebody else' });
    expect(producer).toHaveEmittedTimes('order.placed', 1);
    expect(producer).not.toHaveEmittedTimes('order.placed', 2);
    expect(producer).not.toHaveRefused();
  });

  it('list the collected events in their message', () => {
    const producer = collecting();
    placeOrder(producer, 'o-1');
    expect(() => expect(producer).toHaveEmitted('page.viewed')).toThrow(
      /to have emitted.*page\.viewed.*order\.placed/s,
    );
    expect(() => expect(producer).not.toHaveEmitted('order.placed')).toThrow(/not to have emitted/);
    expect(() => expect(producer).toHaveEmittedTimes('order.placed', 2)).toThrow(/2 times, but it did 1/);
    expect(() => expect(producer).toHaveRefused('PAYLOAD_INVALID')).toThrow(/PAYLOAD_INVALID.*nothing/s);
    expect(() => expect({}).toHaveEmitted()).toThrow(/createCollectingProducer/);
    expect(Object.keys(producerMatchers)).toHaveLength(3);
  });
});
