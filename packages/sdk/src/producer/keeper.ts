import { KitError } from '@pik/schema/events';
import type { Outbox } from '../outbox/outbox-port.ts';
import { Backlog, type BacklogParts } from './backlog.ts';
import { type Captured, type Frame, frameOf } from './capture.ts';
import type { Sent } from './sent.ts';
import { Settlement } from './settlement.ts';
import type { Waiters } from './waiters.ts';

/** Milliseconds in which a closing producer must see something taken, or it leaves what is stored to the next start. */
const LEAVE_MS = 5_000;

/** What a closing producer holds: its events without a result, and how many have one of the backend. */
export interface Leaving {
  readonly held: () => readonly Sent[];
  readonly taken: () => number;
  readonly waiters: Waiters;
}

/** The outbox of one producer: its events go in at `emit`, and out when the backend has them. */
export class Keeper {
  readonly backlog: Backlog;
  readonly #parts: BacklogParts;
  readonly #outbox: Outbox;
  readonly #producerId: string;
  #frame: { readonly frame: Frame; readonly ms: number } | null = null;

  constructor(producerId: string, parts: BacklogParts) {
    this.#producerId = producerId;
    this.#parts = parts;
    this.#outbox = parts.outbox;
    this.backlog = new Backlog(parts);
    this.backlog.start();
  }

  /** Hands an event to the outbox, as it will be sent; gives the reason where it does not take it. */
  keep(sent: Sent, captured: Captured): KitError | null {
    try {
      sent.storage = this.#outbox.append(captured.fix(sent.seq, this.#frameNow()));
      return null;
    } catch (cause) {
      sent.storage = KitError.is(cause) ? cause : new KitError('OUTBOX_FAILED', String(cause), { cause });
      return sent.storage;
    }
  }

  /** Takes down what became of the events of a batch. */
  settlement(): Settlement {
    return new Settlement(this.#outbox, this.#parts.carrier.log);
  }

  /** The event was given up for good. */
  forget({ storage }: Sent): void {
    if (typeof storage === 'number') this.#outbox.acknowledge([storage]);
  }

  stored(position: number): Promise<KitError | null> {
    return this.#outbox.stored(position);
  }

  ready(): Promise<void> {
    return this.#outbox.ready();
  }

  flush(): Promise<void> {
    return this.#outbox.flush();
  }

  /**
   * The producer closes. Once all that it holds is stored, nothing is lost by not waiting for it: where the backend fails, or
   * has taken nothing for some seconds, the gate is stopped, and what is left goes at the next start.
   */
  async leave({ held, taken, waiters }: Leaving): Promise<void> {
    const { gate, timers } = this.#parts.carrier;
    await this.#outbox.flush().catch(() => undefined);
    const failed = await Promise.all(held().map(({ stored }) => stored));
    for (let before = -1; failed.every((error) => error === null) && !gate.stopped.aborted; ) {
      if (gate.closedBy !== null || taken() + this.backlog.stats.acked === before)
        return gate.stop(gate.closedBy ?? new KitError('TIMEOUT'));
      before = taken() + this.backlog.stats.acked;
      let isTime = false;
      const callOff = timers.after(LEAVE_MS, () => {
        isTime = true;
        waiters.notify();
      });
      await waiters.until(() => isTime || gate.closedBy !== null || gate.stopped.aborted);
      callOff();
    }
  }

  /** What is under way of the backlog goes on while the backend takes it; what is left is safe where it is. */
  async endBacklog(waiters: Waiters): Promise<void> {
    const { gate } = this.#parts.carrier;
    const isOver = () => this.backlog.isIdle;
    await waiters.until(() => isOver() || gate.closedBy !== null || gate.stopped.aborted);
    if (!isOver()) gate.stop(gate.closedBy ?? new KitError('PRODUCER_CLOSED'));
    await waiters.until(isOver);
  }

  /** Never rejects. Says what is left to the next start. */
  async close(): Promise<void> {
    const { log } = this.#parts.carrier;
    await this.#outbox.close().catch((cause: unknown) => {
      const detail = cause instanceof Error ? cause.message : String(cause);
      log({ level: 'warn', event: 'outbox_failed', code: 'OUTBOX_FAILED', detail });
    });
    const { pending_count: count } = this.#outbox.stats();
    if (count > 0) log({ level: 'warn', event: 'left', count });
  }

  /** Events of one millisecond share it. */
  #frameNow(): Frame {
    const ms = Date.now();
    if (this.#frame?.ms !== ms) this.#frame = { ms, frame: frameOf(this.#producerId, new Date(ms).toISOString()) };
    return this.#frame.frame;
  }
}
