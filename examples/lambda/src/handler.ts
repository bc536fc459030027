import { createProducer } from '@pik/sdk';

// Created once per instance of the function, outside the handler: connections and the event counter outlive the calls.
// The interval does not matter here, since each call flushes.
export const producer = createProducer({
  url: process.env.PIK_URL ?? 'http://127.0.0.1:4600',
  source: 'lambda',
  // Below the function's own time limit, so that the results are known before it is cut off.
  deadlineMs: 5_000,
});

/** The function's request. */
export interface Order {
  readonly order_id: string;
  readonly user_id: string;
}

/** Takes an order. Nothing runs between the answer and the next call, so events are sent before the answer. */
export async function handler({ order_id, user_id }: Order): Promise<{ status: string }> {
  const placed = producer.emit('order.placed', { order_id }, { entity_id: user_id, idempotency_key: order_id });
  // Logs a refused key; an unreachable backend ends the wait at the deadline. Neither loses the order.
  const isSent = await producer.flush({ signal: AbortSignal.timeout(8_000) }).then(
    () => true,
    (error: unknown) => {
      console.warn('not all events were sent:', error);
      return false;
    },
  );
  return { status: isSent ? (await placed.result).status : 'not known yet' };
}
