import { KitError } from '@pik/schema/events';

import type { AcceptedResults } from './accepted-results.ts';
import type { Batch } from './batch.ts';
import { eventContent } from './batch-contents.ts';
import { frameOf } from './captured.ts';
import { type DeliveryDeps, type DeliveryResult, deliver } from './delivery.ts';
import type { OutboxAcks } from './outbox-acks.ts';
import { indexesOf } from './poster.ts';

/** Dependencies of the delivery of a batch of emitted events. */
export interface EventDeliveryDeps {
  readonly delivery: DeliveryDeps;
  /** Time at which retryable failures are given up, by the clock of the timers. */
  readonly deadlineMs: number;
  /** The outbox that has the events; null without one. */
  readonly acks: OutboxAcks | null;
  /** Gives an event its result. Called once for each event, unless `accept` is. */
  readonly release: (index: number, result: DeliveryResult) => void;
  /** Gives all events their results. Returns false if they must have them one by one. */
  readonly accept: (results: AcceptedResults) => boolean;
}

/** Delivers a batch of emitted events. Resolves with the number of events that stay in the outbox. Never rejects. */
export async function deliverEvents(batch: Batch, deps: EventDeliveryDeps): Promise<number> {
  const { delivery, deadlineMs, acks, accept } = deps;
  const frame = frameOf(batch.producerId, new Date().toISOString());
  const indexes = indexesOf(batch.first, batch.count);
  const release = (index: number, result: DeliveryResult) => {
    if (batch.isResolved(index)) return;
    const position = batch.positionAt(index);
    if (position !== null) acks?.add({ position, record: () => batch.recordAt(index, frame) }, result);
    deps.release(index, result);
  };
  await deliver(delivery, {
    // With an outbox, a dead letter may need the record again.
    content: eventContent(batch, frame, acks !== null),
    indexes,
    deadlineMs,
    onResult: release,
    onAccepted(accepted, results) {
      const areAll = accepted.length === indexes.length && accept(results);
      if (areAll) acks?.addAllAcked(batch.positions);
      else for (const [i, index] of accepted.entries()) release(index, results.at(i));
    },
  }).catch((cause: unknown) => {
    // `deliver` must not throw. If it does, every event still gets a result, and the log says so.
    const error = KitError.is(cause) ? cause : new KitError('INTERNAL', String(cause), { cause });
    const { code, message: detail } = error;
    delivery.log({ level: 'warn', event: 'given_up', count: batch.count, code, detail });
    for (const index of indexes) release(index, error);
  });
  await acks?.commit();
  return acks?.retainedCount ?? 0;
}
