import { type IngestResult, KitError } from '@pik/schema/events';

import type { ConnectionOptions } from './connection.ts';
import { type Carrier, deliver } from './deliver.ts';
import { Gate } from './gate.ts';
import { openPost } from './post.ts';
import { createAttempts } from './retry.ts';
import { Timers } from './timers.ts';

/** How records are sent as they are. */
export interface RecordSenderOptions extends ConnectionOptions {
  /** Sends to `/import`: each record carries its own `received_at`. Default false. */
  readonly backfill?: boolean | undefined;
  /** Milliseconds for one attempt. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** Milliseconds from the first attempt of a batch after which it is given up. Default 60,000. */
  readonly deadlineMs?: number | undefined;
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
 * @throws KitError `CONFIG_INVALID` for a URL or key that cannot be used.
 */
export function createRecordSender(options: RecordSenderOptions): RecordSender {
  const { backfill = false, requestTimeoutMs = 30_000, deadlineMs = 60_000 } = options;
  const path = backfill ? ('/import' as const) : ('/ingest' as const);
  const timers = new Timers();
  timers.hold();
  const log = () => {};
  const carrier: Carrier = {
    transport: { post: openPost(options), path, requestTimeoutMs, gzipBytesMin: 1_024 },
    timers,
    gate: new Gate({ timers, pauses: false, log }),
    attempts: createAttempts(Number.POSITIVE_INFINITY),
    log,
  };
  return {
    async send(lines) {
      const results: IngestResult[] = new Array(lines.length);
      const failed: KitError[] = [];
      await deliver(carrier, {
        recordAt: (place) => lines[place] as string,
        eventIds: lines.map(() => null),
        deadlineMs: timers.now() + deadlineMs,
        settle(place, delivery) {
          if (KitError.is(delivery)) failed.push(delivery);
          else results[place] = delivery;
        },
      });
      if (failed[0] !== undefined) throw failed[0];
      return results;
    },
  };
}
