import type { IngestResult, KitError } from '@pik/schema/events';

import type { ConnectionOptions } from '../connection/connection.ts';
import { createAttempts } from '../connection/retry.ts';
import { Timers } from '../connection/timers.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { type DeliveryDeps, deliver } from './delivery.ts';
import { openPost } from './post.ts';
import type { TransportOptions } from './transport.ts';

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
  /**
   * Of a backfill: the place of the first record among all of its file, from 1. Of records that claim one receive time the
   * earlier one is first then, in whatever order batches arrive. Default: not told.
   */
  readonly firstPlace?: number | undefined;
}

/**
 * Makes a sender of whole records, for imports and files; `createProducer` is the way for events as they happen.
 *
 * @throws KitError `CONFIG_INVALID` for a URL or key that cannot be used.
 */
export function createRecordSender(options: RecordSenderOptions): RecordSender {
  const { backfill = false, dryRun = false, requestTimeoutMs = 30_000, deadlineMs = 60_000 } = options;
  const route = backfill ? ('/import' as const) : ('/ingest' as const);
  const pathOf = (query: readonly string[]): TransportOptions['path'] =>
    query.length === 0 ? route : `${route}?${query.join('&')}`;
  const asked = dryRun ? ['dry_run=true'] : [];
  const path = pathOf(asked);
  const timers = new Timers();
  timers.hold();
  const log = () => {};
  const delivery: DeliveryDeps = {
    transport: { post: openPost(options), path, requestTimeoutMs, gzipBytesMin: 1_024 },
    timers,
    breaker: new CircuitBreaker({ timers, pauses: false, log }),
    startAttempts: createAttempts(Number.POSITIVE_INFINITY),
    log,
  };
  return {
    async send(records, { deadlineMs: givenUpMs = deadlineMs, firstPlace } = {}) {
      const outcomes: RecordOutcome[] = new Array(records.length);
      await deliver(delivery, {
        recordAt: (index) => records[index] as string | Uint8Array,
        eventIds: records.map(() => null),
        framing: records.some(spansLines) ? 'array' : 'lines',
        deadlineMs: timers.now() + givenUpMs,
        pathOf: (indexes) => pathOf([...asked, ...(backfill ? firstLineOf(indexes, firstPlace) : [])]),
        onResult(index, result) {
          outcomes[index] = result;
        },
      });
      return outcomes;
    },
  };
}

/** Records that do not follow one another, as when some are sent again, go without their place. */
function firstLineOf(indexes: readonly number[], firstPlace: number | undefined): string[] {
  const [first = 0] = indexes;
  const isRun = (indexes.at(-1) ?? 0) - first === indexes.length - 1;
  return firstPlace !== undefined && isRun ? [`first_line=${firstPlace + first}`] : [];
}

function spansLines(record: string | Uint8Array): boolean {
  return typeof record === 'string' ? record.includes('\n') : record.includes(0x0a);
}
