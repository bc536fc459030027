import { KitError, utf8Bytes } from '@pik/schema/events';
import type { Outbox } from '../outbox/outbox-port.ts';
import type { DeliveryResult } from './delivery.ts';
import type { Log } from './log.ts';

/** What became of a record, as far as its outbox is concerned. */
export type AckOutcome = 'acked' | 'rejected' | 'undelivered';

/** A record that was sent, and where the outbox keeps it. */
export interface StoredRecord {
  readonly position: number;
  readonly record: string | Uint8Array;
}

/**
 * Tells an outbox what became of the records of one sending: those that the backend has, all at once; those that are too
 * large for it for ever, as dead letters. All others stay in the outbox.
 */
export class OutboxAcks {
  readonly #outbox: Outbox;
  readonly #log: Log;
  readonly #acked: number[] = [];
  readonly #deadLetters: Promise<void>[] = [];
  /** Records that stay in the outbox. */
  retainedCount = 0;

  constructor(outbox: Outbox, log: Log) {
    this.#outbox = outbox;
    this.#log = log;
  }

  /** What a rejected record was is kept by the backend, with the reason. */
  add(stored: StoredRecord, result: DeliveryResult): AckOutcome {
    if (!KitError.is(result)) {
      this.#acked.push(stored.position);
      return result.status === 'REJECTED' ? 'rejected' : 'acked';
    }
    if (result.code === 'EVENT_TOO_LARGE') {
      this.#deadLetters.push(this.#deadLetter(stored, result));
      return 'rejected';
    }
    this.retainedCount += 1;
    return 'undelivered';
  }

  /** The sending is over. Resolves when the outbox has been told everything. */
  async commit(): Promise<void> {
    if (this.#acked.length > 0) this.#outbox.acknowledge(this.#acked);
    await Promise.all(this.#deadLetters);
  }

  async #deadLetter({ position, record }: StoredRecord, { code, message: detail }: KitError): Promise<void> {
    const bytes = typeof record === 'string' ? utf8Bytes(record) : record;
    const failed = await this.#outbox.deadLetter({ position, record: bytes }, { code, detail });
    if (failed === null) this.#log({ level: 'warn', event: 'dead_letter', count: 1, code, detail });
    else this.#log({ level: 'warn', event: 'outbox_failed', code: failed.code, detail: failed.message });
  }
}
