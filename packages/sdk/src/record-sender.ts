import type { IngestResult, KitError } from '@pik/schema/events';

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
  /** Asks what would become of each record now, and sends nothing. Default false. */
  readonly dryRun?: boolean | undefined;
  /** Milliseconds for one attempt. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** Milliseconds from the first attempt of a batch after which it is given up. Default 60,000. */
  readonly deadlineMs?: number | undefined;
}

/** What became of one record: the backend's result, or the error for which it has none. */
export type RecordOutcome = IngestResult | KitError;

/** Sends records that already have their wire form, such as the lines of a file. */
export interface RecordSender {
  /**
   * Sends JSON texts, or their bytes, byte for byte as one batch; gives one outcome per record, in order, and never
   * throws because of a record. Where one spans lines the batch goes as a JSON array, and all of them must be whole JSON
   * values in UTF-8; otherwise a record may be any line.
   */
  send(records: readonly (string | Uint8Array)[], options?: SendOptions): Promise<RecordOutcome[]>;
}

/** How one batch is sent. */
export interface SendOptions {
  /** Milliseconds from the first attempt after which it is given up. Default: the sender's. */
  readonly deadlineMs?: number | undefined;
}

/**
 * Makes a sender of whole records, for imports and files; `createProducer` is the way for events as they happen.
 *
 * @throws KitError `CONFIG_INVALID` for a URL or key that cannot be used.
 */
export function createRecordSender(options: RecordSenderOptions): RecordSender {
  const { backfill = false, dryRun = false, requestTimeoutMs = 30_000, deadlineMs = 60_000 } = options;
  const route = backfill ? ('/import' as const) : ('/ingest' as const);
  const path = dryRun ? (`${route}?dry_run=true` as const) : route;
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
    async send(records, { deadlineMs: givenUpMs = deadlineMs } = {}) {
      const outcomes: RecordOutcome[] = new Array(records.length);
      await deliver(carrier, {
        recordAt: (place) => records[place] as string | Uint8Array,
        eventIds: records.map(() => null),
        framing: records.some(spansLines) ? 'array' : 'lines',
        deadlineMs: timers.now() + givenUpMs,
        settle(place, delivery) {
          outcomes[place] = delivery;
        },
      });
      return outcomes;
    },
  };
}

function spansLines(record: string | Uint8Array): boolean {
  return typeof record === 'string' ? record.includes('\n') : record.includes(0x0a);
}
