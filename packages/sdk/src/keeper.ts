import { KitError } from '@pik/schema/events';

import { Backlog, type BacklogParts } from './backlog.ts';
import { type Captured, type Frame, frameOf } from './capture.ts';
import type { Outbox } from './outbox-port.ts';
import type { Sent } from './sent.ts';
import { Settlement } from './settlement.ts';

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

  /** Never rejects. */
  async close(): Promise<void> {
    await this.#outbox.close().catch((cause: unknown) => {
      const detail = cause instanceof Error ? cause.message : String(cause);
      this.#parts.carrier.log({ level: 'warn', event: 'outbox_failed', code: 'OUTBOX_FAILED', detail });
    });
  }

  /** Events of one millisecond share it. */
  #frameNow(): Frame {
    const ms = Date.now();
    if (this.#frame?.ms !== ms) this.#frame = { ms, frame: frameOf(this.#producerId, new Date(ms).toISOString()) };
    return this.#frame.frame;
  }
}
