import { at, KitError } from '@pik/schema/events';

import type { AcceptedResults } from './accepted-results.ts';
import { eventContent } from './batch-contents.ts';
import { frameOf } from './captured.ts';
import { type DeliveryDeps, type DeliveryResult, deliver } from './delivery.ts';
import type { OutboxAcks } from './outbox-acks.ts';
import type { PendingEvent } from './pending-event.ts';

/** Dependencies of the delivery of a batch of emitted events. */
export interface EventDeliveryDeps {
  readonly producerId: string;
  readonly delivery: DeliveryDeps;
  /** Time at which retryable failures are given up, by the clock of the timers. */
  readonly deadlineMs: number;
  /** The outbox that has the events; null without one. */
  readonly acks: OutboxAcks | null;
  /** Gives an event its result. Called once for each event, unless `accept` is. */
  readonly release: (event: PendingEvent, result: DeliveryResult) => void;
  /** Gives an event its place among results that are all ACCEPTED. */
  readonly accept: (event: PendingEvent, results: AcceptedResults, index: number) => void;
}

/** Delivers a batch of emitted events. Resolves with the number of events that stay in the outbox. Never rejects. */
export async function deliverEvents(events: readonly PendingEvent[], deps: EventDeliveryDeps): Promise<number> {
  const { producerId, delivery, deadlineMs, acks, accept } = deps;
  const frame = frameOf(producerId, new Date().toISOString());
  const release = (event: PendingEvent, result: DeliveryResult) => {
    const { storage: position } = event;
    if (typeof position === 'number' && !event.isResolved) acks?.add({ position, record: event.record(frame) }, result);
    deps.release(event, result);
  };
  const batch = {
    // With an outbox, a dead letter may need the record again.
    content: eventContent(events, { producerId, frame, isKept: acks !== null }),
    deadlineMs,
    onResult: (index: number, result: DeliveryResult) => release(at(events, index), result),
    onAccepted(indexes: readonly number[], results: AcceptedResults) {
      for (const [i, index] of indexes.entries()) {
        const event = at(events, index);
        if (typeof event.storage === 'number' && !event.isResolved) acks?.addAcked(event.storage);
        accept(event, results, i);
      }
    },
  };
  await deliver(delivery, batch).catch((cause: unknown) => {
    // `deliver` must not throw. If it does, every event still gets a result, and the log says so.
    const error = KitError.is(cause) ? cause : new KitError('INTERNAL', String(cause), { cause });
    const { code, message: detail } = error;
    delivery.log({ level: 'warn', event: 'given_up', count: events.length, code, detail });
    for (const event of events) release(event, error);
  });
  await acks?.commit();
  return acks?.retainedCount ?? 0;
}
