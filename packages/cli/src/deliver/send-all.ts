import { setTimeout as delay } from 'node:timers/promises';

import { KitError } from '@pik/schema';

import type { Journal, Outcome } from './journal.ts';
import type { Pace } from './pace.ts';
import type { Outgoing, Target } from './target.ts';

/** Parts of a delivery. */
export interface Sending {
  readonly target: Target;
  readonly journal: Journal;
  readonly pace: Pace;
  /** Requests at the same time; events of one entity are sent one after another. */
  readonly parallel: number;
  readonly attemptsMax: number;
  readonly signal: AbortSignal;
  onOutcome?(outcome: Outcome): void;
}

/** First pause between two attempts; each further one is twice as long. */
const RETRY_MS = 200;
const RETRY_MS_MAX = 30_000;
const PAUSE_POLL_MS = 200;
const SEND_MS_MAX = 30_000;

/**
 * Sends events in their order. An event whose body is null is skipped. After a failure, later events of its entity are held, so that
 * no receiver gets them in another order. Stops at the signal with every accepted event in the journal, except those in flight.
 */
export async function sendAll(
  events: AsyncIterable<Omit<Outgoing, 'body'> & { body: string | null }>,
  sending: Sending,
) {
  const { journal, pace, parallel, signal } = sending;
  const busy = new Map<string, Promise<void>>();
  const broken = new Set<string>();
  const end = (outcome: Outcome) => {
    journal.add(outcome);
    sending.onOutcome?.(outcome);
  };
  for await (const event of events) {
    if (signal.aborted) break;
    const { event_id, entity_id, body } = event;
    if (journal.ended.has(event_id)) continue;
    if (body === null) {
      end({ event_id, outcome: 'SKIPPED', attempts: 0, error: null });
      continue;
    }
    await busy.get(entity_id);
    while (busy.size >= parallel) await Promise.race(busy.values());
    if (broken.has(entity_id)) {
      end({ event_id, outcome: 'HELD', attempts: 0, error: null });
      continue;
    }
    if (!(await isTurn(pace.waitMs(Date.parse(event.event_time), Date.now()), { journal, signal }))) break;
    const sent = attempt({ ...event, body }, sending).then((outcome) => {
      busy.delete(entity_id);
      if (outcome === null) return;
      if (outcome.outcome === 'FAILED') broken.add(entity_id);
      end(outcome);
    });
    busy.set(entity_id, sent);
  }
  await Promise.all(busy.values());
}

/** Waits for the turn of an event. False if the delivery was stopped meanwhile. */
async function isTurn(waitMs: number, { journal, signal }: Pick<Sending, 'journal' | 'signal'>): Promise<boolean> {
  const isOver = await delay(waitMs, true, { signal }).catch(() => false);
  while (isOver && journal.isPaused && !signal.aborted)
    await delay(PAUSE_POLL_MS, undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}

/** Tries to send an event. Null if the delivery was stopped before the event was accepted: the next run sends it again. */
async function attempt(event: Outgoing, { target, attemptsMax, signal }: Sending): Promise<Outcome | null> {
  const { event_id } = event;
  for (let attempts = 1; ; attempts++) {
    try {
      await target.send(event, AbortSignal.timeout(SEND_MS_MAX));
      return { event_id, outcome: 'DELIVERED', attempts, error: null };
    } catch (error) {
      const { code, message, retryable, retryAfterMs } = faultOf(error);
      if (!retryable || attempts >= attemptsMax)
        return { event_id, outcome: 'FAILED', attempts, error: `${code}: ${message}` };
      const pauseMs = Math.min(RETRY_MS_MAX, Math.max(retryAfterMs, RETRY_MS * 2 ** (attempts - 1)));
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return null;
    }
  }
}

function faultOf(error: unknown) {
  if (KitError.is(error)) {
    const { code, message, retryable, retryAfterMs = 0 } = error;
    return { code, message, retryable, retryAfterMs };
  }
  return {
    code: 'NETWORK',
    message: error instanceof Error ? error.message : String(error),
    retryable: true,
    retryAfterMs: 0,
  };
}
