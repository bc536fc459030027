import { at, type IngestResult, type KitError } from '@pik/schema/events';

import type { ConnectionOptions } from '../connection/connection.ts';
import { createAttempts } from '../connection/retry.ts';
import { Timers } from '../connection/timers.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { type DeliveryDeps, deliver } from './delivery.ts';
import { InlinePoster } from './inline-poster.ts';
import { openPost } from './post.ts';
import type { RequestPath } from './transport.ts';

/** Options of a record sender. */
export interface RecordSenderOptions extends ConnectionOptions {
  /** Sends to `/import`: each record carries its own `received_at`. Default: false. */
  readonly backfill?: boolean | undefined;
  /** Predicts the outcome of each record without sending it for real. Default: false. */
  readonly dryRun?: boolean | undefined;
  /** The records are `MappedRecord`s: records of another system, and the events that a map read in them. Default: false. */
  readonly mapped?: boolean | undefined;
  /** Milliseconds for one attempt. Default: 30,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** Milliseconds from the first attempt after which a batch is given up. Default: 60,000. */
  readonly deadlineMs?: number | undefined;
}

/** Outcome of one record: the backend's result, or the error for which there is none. */
export type RecordOutcome = IngestResult | KitError;

/**
 * Sends records that already have their wire form, such as the lines of a file. Create one with {@link
 * createRecordSender}.
 */
export interface RecordSender {
  /**
   * Sends JSON texts, or their bytes, unchanged as one batch. Returns one outcome per record, in order, and never
   * throws because of a record. If a record spans lines, the batch is sent as a JSON array, and every record must be a
   * complete JSON value in UTF-8; otherwise a record may be any line.
   */
  send(records: readonly (string | Uint8Array)[], options?: SendOptions): Promise<RecordOutcome[]>;
}

/** Options for one batch. */
export interface SendOptions {
  /** Milliseconds from the first attempt after which the batch is given up. Default: the sender's `deadlineMs`. */
  readonly deadlineMs?: number | undefined;
  /**
   * Backfill only: place of the first record in its file, counted from 1. Among records that claim the same receive
   * time, the earlier place comes first, whatever the order in which batches arrive. Default: not sent.
   */
  readonly firstPlace?: number | undefined;
}

/**
 * Creates a sender of complete records, for imports and files. Use `createProducer` for events as they happen.
 *
 * @example
 * import { createRecordSender } from '@pik/sdk';
 *
 * const lines = ['{"source":"shop","event_type":"order.placed"}'].map((line) => new TextEncoder().encode(line));
 * const sender = createRecordSender({ url: 'http://127.0.0.1:4600', backfill: true });
 * const outcomes = await sender.send(lines);
 *
 * @throws KitError `CONFIG_INVALID` for an unusable URL or key.
 */
export function createRecordSender(options: RecordSenderOptions): RecordSender {
  const { backfill = false, dryRun = false, mapped = false, requestTimeoutMs = 30_000, deadlineMs = 60_000 } = options;
  const route = backfill ? ('/import' as const) : ('/ingest' as const);
  const pathOf = (query: readonly string[]): RequestPath =>
    query.length === 0 ? route : `${route}?${query.join('&')}`;
  const baseQuery = [...(dryRun ? ['dry_run=true'] : []), ...(mapped ? ['mapped=true'] : [])];
  const path = pathOf(baseQuery);
  const timers = new Timers();
  timers.hold();
  const log = () => {};
  const delivery: DeliveryDeps = {
    poster: new InlinePoster({ post: openPost(options), requestTimeoutMs, gzipBytesMin: 1_024 }),
    path,
    timers,
    breaker: new CircuitBreaker({ timers, pauses: false, log }),
    startAttempts: createAttempts(Number.POSITIVE_INFINITY),
    log,
  };
  return {
    async send(records, { deadlineMs: givenUpMs = deadlineMs, firstPlace } = {}) {
      const outcomes: RecordOutcome[] = new Array(records.length);
      await deliver(delivery, {
        content: {
          count: records.length,
          framing: records.some(spansLines) ? 'array' : 'lines',
          recordAt: (index) => at(records, index),
          eventIdAt: () => null,
        },
        deadlineMs: timers.now() + givenUpMs,
        pathOf: (indexes) => pathOf([...baseQuery, ...(backfill ? firstLineOf(indexes, firstPlace) : [])]),
        onResult(index, result) {
          outcomes[index] = result;
        },
      });
      return outcomes;
    },
  };
}

/** The query of the first record's place. Records that are not consecutive, such as retried ones, go without it. */
function firstLineOf(indexes: readonly number[], firstPlace: number | undefined): string[] {
  const [first = 0] = indexes;
  const isRun = (indexes.at(-1) ?? 0) - first === indexes.length - 1;
  return firstPlace !== undefined && isRun ? [`first_line=${firstPlace + first}`] : [];
}

function spansLines(record: string | Uint8Array): boolean {
  return typeof record === 'string' ? record.includes('\n') : record.includes(0x0a);
}
