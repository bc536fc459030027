import type { Backend, Clock } from '../../ports/backend.ts';
import { createAggregateStore } from './aggregate-store.ts';
import { createCalls } from './calls.ts';
import { type AwsClients, createAwsClients } from './clients.ts';
import { createEventIndex } from './event-index.ts';
import { createFileStore } from './file-store.ts';
import { createObjects } from './objects.ts';
import { createQueueRequests } from './queue-requests.ts';
import { createRawLog } from './raw-log.ts';
import { type AwsReplayQueue, createReplayQueue } from './replay-queue.ts';
import { createReplayStore } from './replay-store.ts';
import { createTable } from './table.ts';
import { systemTiming, type Timing } from './timing.ts';

/** The resources of one deployment, and what the backend goes by. */
export interface AwsOptions {
  /** The bucket of the raw log, manifests and records. */
  readonly bucket: string;
  readonly indexTable: string;
  readonly aggregatesTable: string;
  readonly replaysTable: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  /** Default: new ones, which `close` ends. */
  readonly clients?: AwsClients;
  /** Default: the clock of the machine. */
  readonly clock?: Clock;
  /** The longest that one port call may take, retries included, in milliseconds. Default 10,000. */
  readonly callMs?: number;
  /** How waiting happens. Default: as the machine's time goes; a test may bring a time of its own. */
  readonly timing?: Timing;
}

/** The kit's backend on S3, DynamoDB and SQS. */
export interface AwsBackend extends Backend {
  readonly queue: AwsReplayQueue;
}

/** Opens a backend over resources that are there. Sends nothing. */
export function openAwsBackend(options: AwsOptions): AwsBackend {
  const { clock = { now: () => Date.now() }, timing = systemTiming, callMs = 10_000 } = options;
  const clients = options.clients ?? createAwsClients();
  const { s3: client, dynamodb, sqs } = clients;
  const { bucket } = options;
  const callsOf = (unavailable: 'INDEX_UNAVAILABLE' | 'RAW_LOG_UNAVAILABLE' | 'STORE_UNAVAILABLE') =>
    createCalls({ timing, callMs, unavailable });
  const [log, index, store] = [
    callsOf('RAW_LOG_UNAVAILABLE'),
    callsOf('INDEX_UNAVAILABLE'),
    callsOf('STORE_UNAVAILABLE'),
  ];
  const tableOf = (name: string, calls: typeof index) => createTable(dynamodb, name, calls);
  const queueOf = (url: string) => createQueueRequests({ client: sqs, url, calls: store });
  const logErrors = { exists: 'RAW_EXISTS', corrupt: 'RAW_CORRUPT' } as const;
  const fileErrors = { exists: 'FILE_EXISTS', corrupt: 'MANIFEST_CORRUPT' } as const;
  return {
    clock,
    rawLog: createRawLog(createObjects({ client, bucket, calls: log, errors: logErrors })),
    files: createFileStore(createObjects({ client, bucket, calls: store, errors: fileErrors })),
    index: createEventIndex({ table: tableOf(options.indexTable, index), calls: index, clock, timing }),
    aggregates: createAggregateStore({ table: tableOf(options.aggregatesTable, store), calls: store, clock }),
    replays: createReplayStore({ table: tableOf(options.replaysTable, store), calls: store }),
    queue: createReplayQueue({
      queue: queueOf(options.queueUrl),
      deadLetterQueue: queueOf(options.deadLetterQueueUrl),
      calls: store,
      clock,
    }),
    async close() {
      if (options.clients !== undefined) return;
      for (const own of Object.values(clients)) own.destroy();
    },
  };
}
