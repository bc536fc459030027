import { KitError } from '@pik/schema/events';
import type { Outbox } from '../outbox/outbox-port.ts';
import { Backlog, type BacklogDeps } from './backlog.ts';
import { type Captured, type Frame, fixRecord, frameOf } from './captured.ts';
import { OutboxAcks } from './outbox-acks.ts';
import type { Signal } from './signal.ts';

/** If the backend takes nothing for this long, a closing producer leaves its stored events to the next start. */
const LEAVE_MS = 5_000;

/** State of a closing producer: its pending events, and how many the backend has taken. */
export interface ClosingState {
  /** The waits for the storage of the pending events. */
  readonly held: () => readonly Promise<KitError | null>[];
  readonly taken: () => number;
  readonly changed: Signal;
}

/** Connects a producer with its outbox: appends events at `emit`, and acknowledges them when the backend has them. */
export class ProducerOutbox {
  readonly backlog: Backlog;
  readonly #deps: BacklogDeps;
  readonly #outbox: Outbox;
  readonly #producerId: string;
  #frame: { readonly frame: Frame; readonly ms: number } | null = null;

  constructor(producerId: string, deps: BacklogDeps) {
    this.#producerId = producerId;
    this.#deps = deps;
    this.#outbox = deps.outbox;
    this.backlog = new Backlog(deps);
    this.backlog.start();
  }

  /** Appends an event in the form in which it is sent. Returns null, or the reason if the outbox does not take it. */
  append(captured: Captured, seq: number): KitError | null {
    try {
      captured.storage = this.#outbox.append(fixRecord(captured, seq, this.#frameNow()));
      return null;
    } catch (cause) {
      const error = KitError.is(cause) ? cause : new KitError('OUTBOX_FAILED', String(cause), { cause });
      captured.storage = error;
      return error;
    }
  }

  /** Starts the acknowledgements of one batch. */
  newAcks(): OutboxAcks {
    return new OutboxAcks(this.#outbox, this.#deps.delivery.log);
  }

  /** Removes an event that was given up for good. */
  acknowledge(position: number | null): void {
    if (position !== null) this.#outbox.acknowledge([position]);
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
   * Ends the wait of a closing producer early. Once all its events are stored, stopping loses nothing: if the backend
   * fails, or takes nothing for `LEAVE_MS`, this stops the breaker, and the next start sends the rest.
   */
  async stopIfStalled({ held, taken, changed }: ClosingState): Promise<void> {
    const { breaker, timers } = this.#deps.delivery;
    await this.#outbox.flush().catch(() => undefined);
    const failed = await Promise.all(held());
    for (let before = -1; failed.every((error) => error === null) && !breaker.stopped.aborted; ) {
      if (breaker.openedBy !== null || taken() + this.backlog.stats.acked === before)
        return breaker.stop(breaker.openedBy ?? new KitError('TIMEOUT'));
      before = taken() + this.backlog.stats.acked;
      let isTime = false;
      const callOff = timers.after(LEAVE_MS, () => {
        isTime = true;
        changed.notify();
      });
      await changed.until(() => isTime || breaker.openedBy !== null || breaker.stopped.aborted);
      callOff();
    }
  }

  /** Waits for the backlog's request in flight while the backend takes it. The rest is safe in the outbox. */
  async finishBacklog(changed: Signal): Promise<void> {
    const { breaker } = this.#deps.delivery;
    const isOver = () => this.backlog.isIdle;
    await changed.until(() => isOver() || breaker.openedBy !== null || breaker.stopped.aborted);
    if (!isOver()) breaker.stop(breaker.openedBy ?? new KitError('PRODUCER_CLOSED'));
    await changed.until(isOver);
  }

  /** Closes the outbox and logs how many events it leaves to the next start. Never rejects. */
  async close(): Promise<void> {
    const { log } = this.#deps.delivery;
    await this.#outbox.close().catch((cause: unknown) => {
      const detail = cause instanceof Error ? cause.message : String(cause);
      log({ level: 'warn', event: 'outbox_failed', code: 'OUTBOX_FAILED', detail });
    });
    const { pending_count: count } = this.#outbox.stats();
    if (count > 0) log({ level: 'warn', event: 'left', count });
  }

  /** Events of the same millisecond share a frame. */
  #frameNow(): Frame {
    const ms = Date.now();
    if (this.#frame?.ms !== ms) this.#frame = { ms, frame: frameOf(this.#producerId, new Date(ms).toISOString()) };
    return this.#frame.frame;
  }
}

/** Why an event has no result yet and will be sent later: only the outbox keeps it. */
export function keptError(isClosed: boolean): KitError {
  return isClosed
    ? new KitError(
        'PRODUCER_CLOSED',
        'The producer was closed; the outbox keeps the event, and the next start sends it.',
      )
    : new KitError('BUFFER_FULL', "The producer's buffer is full; the outbox keeps the event and sends it later.");
}
