import type { Backend, Clock } from '../../ports/backend.ts';
import { createAggregateStore } from './aggregate-store.ts';
import { createCalls } from './calls.ts';
import type { AwsClients } from './clients.ts';
import { createEventIndex } from './event-index.ts';
import { createFileStore } from './file-store.ts';
import { createObjects } from './objects.ts';
import { createRawLog } from './raw-log.ts';
import { createReplayStore } from './replay-store.ts';
import { createTable } from './table.ts';
import { systemTiming, type Timing } from './timing.ts';

/** The bucket and the tables of one deployment, and what their stores go by. */
export interface AwsStoresOptions {
  /** The bucket of the raw log, manifests and records. */
  readonly bucket: string;
  readonly indexTable: string;
  readonly aggregatesTable: string;
  readonly replaysTable: string;
  /** Default: the clock of the machine. */
  readonly clock?: Clock | undefined;
  /** The longest that one port call may take, retries included, in milliseconds. Default 10,000. */
  readonly callMs?: number | undefined;
  /** How waiting happens. Default: as the machine's time goes; a test may bring a time of its own. */
  readonly timing?: Timing | undefined;
}

/** A backend without its queue: what a process needs that sends no messages and takes none. */
export type AwsStores = Omit<Backend, 'queue' | 'close'>;

/** Opens the stores over a bucket and tables that are there. Sends nothing. */
export function openAwsStores(
  options: AwsStoresOptions,
  { s3: client, dynamodb }: Pick<AwsClients, 's3' | 'dynamodb'>,
): AwsStores {
  const { bucket, clock = systemClock, timing = systemTiming, callMs = CALL_MS } = options;
  const callsOf = (unavailable: 'INDEX_UNAVAILABLE' | 'RAW_LOG_UNAVAILABLE' | 'STORE_UNAVAILABLE') =>
    createCalls({ timing, callMs, unavailable });
  const [log, index, store] = [
    callsOf('RAW_LOG_UNAVAILABLE'),
    callsOf('INDEX_UNAVAILABLE'),
    callsOf('STORE_UNAVAILABLE'),
  ];
  const tableOf = (name: string, calls: typeof index) => createTable(dynamodb, name, calls);
  const logErrors = { exists: 'RAW_EXISTS', corrupt: 'RAW_CORRUPT' } as const;
  const fileErrors = { exists: 'FILE_EXISTS', corrupt: 'MANIFEST_CORRUPT' } as const;
  return {
    clock,
    rawLog: createRawLog(createObjects({ client, bucket, calls: log, errors: logErrors })),
    files: createFileStore(createObjects({ client, bucket, calls: store, errors: fileErrors })),
    index: createEventIndex({ table: tableOf(options.indexTable, index), calls: index, clock, timing }),
    aggregates: createAggregateStore({ table: tableOf(options.aggregatesTable, store), calls: store, clock }),
    replays: createReplayStore({ table: tableOf(options.replaysTable, store), calls: store }),
  };
}

/** The longest that one port call may take unless it is said. */
export const CALL_MS = 10_000;

/** The clock of the machine. */
export const systemClock: Clock = { now: () => Date.now() };
