import { type IngestResult, KitError } from '@pik/schema';

import { type ConnectionOptions, connect } from './connection.ts';
import { deliver } from './deliver.ts';
import { createRetry } from './retry.ts';

/** How records are sent as they are. */
export interface RecordSenderOptions extends ConnectionOptions {
  /** Sends to `/import`: each record carries its own `received_at`. Default false. */
  readonly backfill?: boolean;
  /** Milliseconds for one attempt. Default 30,000. */
  readonly requestTimeoutMs?: number;
  /** Milliseconds from the first attempt of a batch after which it is given up. Default 60,000. */
  readonly deadlineMs?: number;
}

/** Sends records that already have their wire form, such as the lines of a file. */
export interface RecordSender {
  /**
   * Sends JSON texts byte for byte, as one batch; gives one result per record, in order. Throws the first KitError of a
   * record that got none.
   */
  send(records: readonly string[]): Promise<IngestResult[]>;
}

/**
 * Makes a sender of whole records, for imports and files; `createProducer` is the way for events as they happen.
 *
 * @throws KitError `CONFIG_INVALID` without a usable URL.
 */
export function createRecordSender(options: RecordSenderOptions): RecordSender {
  const { backfill = false, requestTimeoutMs = 30_000, deadlineMs = 60_000 } = options;
  const path = backfill ? ('/import' as const) : ('/ingest' as const);
  const transport = { call: connect(options), path, requestTimeoutMs, gzipBytesMin: 1_024 };
  const retry = createRetry({ deadlineMs, attemptsMax: 20 });
  return {
    async send(lines) {
      const results: IngestResult[] = new Array(lines.length);
      const failed: KitError[] = [];
      const eventIds = lines.map(() => null);
      await deliver(
        { transport, retry },
        {
          lines,
          eventIds,
          settle(place, delivery) {
            if (KitError.is(delivery)) failed.push(delivery);
            else results[place] = delivery;
          },
        },
      );
      if (failed[0] !== undefined) throw failed[0];
      return results;
    },
  };
}
