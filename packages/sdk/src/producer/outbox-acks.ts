import { KitError, utf8Bytes } from '@pik/schema/events';
import type { Outbox } from '../outbox/outbox-port.ts';
import type { DeliveryResult } from './delivery.ts';
import type { Log } from './log.ts';

/** Outcome of a record for its outbox. */
export type AckOutcome = 'acked' | 'rejected' | 'undelivered';

/** A record that was sent, with its outbox position. */
export interface StoredRecord {
  readonly position: number;
  readonly record: () => string | Uint8Array;
}

/**
 * Collects the results of one batch for its outbox: acknowledges the records that the backend has, and moves those that
 * it can never take to the dead letters. All others stay in the outbox.
 */
export class OutboxAcks {
  readonly #outbox: Outbox;
  readonly #log: Log;
  readonly #acked: number[] = [];
  readonly #deadLetters: Promise<void>[] = [];
  /** Records that stay in the outbox, to be sent again. */
  retainedCount = 0;

  constructor(outbox: Outbox, log: Log) {
    this.#outbox = outbox;
    this.#log = log;
  }

  /** Adds records that the backend has. */
  addAllAcked(positions: readonly number[]): void {
    for (const position of positions) this.#acked.push(position);
  }

  /** Adds a result. A record that the backend rejected is acknowledged: the backend keeps it with the reason. */
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

  /** Acknowledges all results. Resolves when the dead letters are durable. */
  async commit(): Promise<void> {
    if (this.#acked.length > 0) this.#outbox.acknowledge(this.#acked);
    await Promise.all(this.#deadLetters);
  }

  async #deadLetter(stored: StoredRecord, { code, message: detail }: KitError): Promise<void> {
    const { position } = stored;
    const record = stored.record();
    const bytes = typeof record === 'string' ? utf8Bytes(record) : record;
    const failed = await this.#outbox.deadLetter({ position, record: bytes }, { code, detail });
    if (failed === null) this.#log({ level: 'warn', event: 'dead_letter', count: 1, code, detail });
    else this.#log({ level: 'warn', event: 'outbox_failed', code: failed.code, detail: failed.message });
  }
}
