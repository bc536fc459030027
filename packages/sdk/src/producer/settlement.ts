import { KitError, utf8Bytes } from '@pik/schema/events';
import type { Outbox } from '../outbox/outbox-port.ts';
import type { Delivery } from './deliver.ts';
import type { Log } from './log.ts';

/** What became of a record, as far as its outbox is concerned. */
export type Fate = 'acked' | 'rejected' | 'undelivered';

/** A record that was sent, and where the outbox keeps it. */
export interface Kept {
  readonly position: number;
  readonly record: string | Uint8Array;
}

/**
 * Tells an outbox what became of the records of one sending: those that the backend has, all at once; those that are too
 * large for it for ever, as dead letters. All others stay in the outbox.
 */
export class Settlement {
  readonly #outbox: Outbox;
  readonly #log: Log;
  readonly #done: number[] = [];
  readonly #buried: Promise<void>[] = [];
  /** Records that stay in the outbox. */
  keptCount = 0;

  constructor(outbox: Outbox, log: Log) {
    this.#outbox = outbox;
    this.#log = log;
  }

  /** What a rejected record was is kept by the backend, with the reason. */
  note(kept: Kept, delivery: Delivery): Fate {
    if (!KitError.is(delivery)) {
      this.#done.push(kept.position);
      return delivery.status === 'REJECTED' ? 'rejected' : 'acked';
    }
    if (delivery.code === 'EVENT_TOO_LARGE') {
      this.#buried.push(this.#bury(kept, delivery));
      return 'rejected';
    }
    this.keptCount += 1;
    return 'undelivered';
  }

  /** The sending is over. Resolves when the outbox has been told everything. */
  async end(): Promise<void> {
    if (this.#done.length > 0) this.#outbox.acknowledge(this.#done);
    await Promise.all(this.#buried);
  }

  async #bury({ position, record }: Kept, { code, message: detail }: KitError): Promise<void> {
    const bytes = typeof record === 'string' ? utf8Bytes(record) : record;
    const failed = await this.#outbox.deadLetter({ position, record: bytes }, { code, detail });
    if (failed === null) this.#log({ level: 'warn', event: 'dead_letter', count: 1, code, detail });
    else this.#log({ level: 'warn', event: 'outbox_failed', code: failed.code, detail: failed.message });
  }
}
