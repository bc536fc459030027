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

/** The code under test of these tests. */
function placeOrder(producer: Pick<ReturnType<typeof collecting>, 'emit'>, order_id: string) {
  return producer.emit('order.placed', { order_id, total_cents: 4_200 }, { entity_id: 'user_123' });
}

const collecting = () => createCollectingProducer({ catalog, source: 'checkout' });

describe('a collecting producer', () => {
  it('has what was emitted as soon as emit returns, as it would be sent', () => {
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

  it('gives the results that an empty backend would, by identity', async () => {
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

  it('refuses what the real one refuses, and says it at once', () => {
    const producer = collecting();
    producer.emit('order.placed', { order_id: 7 } as never, { entity_id: 'u' });
    producer.emit('not.declared' as never, {} as never, { entity_id: 'u' });
    expect(producer.events).toEqual([]);
    expect(producer.refused.map(({ code }) => code)).toEqual(['PAYLOAD_INVALID', 'EVENT_NOT_DECLARED']);
  });

  it('answers as the test wishes, so that the handling of each result can be tested', async () => {
    for (const status of ['ACCEPTED', 'DUPLICATE', 'CONFLICT', 'REJECTED', 'UNDELIVERED'] as const) {
      await using producer = createCollectingProducer({ answer: () => status });
      const { result } = producer.emit('t', { big: 'x'.repeat(2_000) }, { entity_id: 'e' });
      expect((await result).status).toBe(status);
    }
  });

  it('takes everything back with clear, and closes as the real one does', async () => {
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
  it('compare payload and fields in part, and let asymmetric matchers stand anywhere', () => {
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

  it('say what there is instead', () => {
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
