import type { Backend, Clock } from '../../ports/backend.ts';
import { createAggregateStore } from './aggregate-store.ts';
import { createCalls } from './calls.ts';
import type { AwsClients } from './clients.ts';
import { createEventIndex } from './event-index.ts';
import { createFileStore } from './file-store.ts';
import { createMonitorStore } from './monitor-store.ts';
import { createObjects } from './objects.ts';
import { createRawLog } from './raw-log.ts';
import { createReplayStore } from './replay-store.ts';
import { createTable } from './table.ts';
import { systemTiming, type Timing } from './timing.ts';

/** The bucket and the tables of one deployment, and the settings of their stores. */
export interface AwsStoresOptions {
  /** The bucket of the raw log, manifests and records. */
  readonly bucket: string;
  readonly indexTable: string;
  readonly aggregatesTable: string;
  readonly replaysTable: string;
  /** Default: the clock of the machine. */
  readonly clock?: Clock | undefined;
  /** The maximum duration of one port call, including retries, in milliseconds. Default 10,000. */
  readonly callMs?: number | undefined;
  /** Timers and timeouts. Default: those of the machine; tests may bring their own. */
  readonly timing?: Timing | undefined;
}

/** A backend without its queue, for a process that neither sends nor receives messages. */
export type AwsStores = Omit<Backend, 'queue' | 'close'>;

/** Opens the stores over an existing bucket and existing tables. Sends no request. */
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
  const replays = { table: tableOf(options.replaysTable, store), calls: store };
  return {
    clock,
    rawLog: createRawLog(createObjects({ client, bucket, calls: log, errors: logErrors })),
    files: createFileStore(createObjects({ client, bucket, calls: store, errors: fileErrors })),
    index: createEventIndex({ table: tableOf(options.indexTable, index), calls: index, clock, timing }),
    aggregates: createAggregateStore({ table: tableOf(options.aggregatesTable, store), calls: store, clock }),
    replays: createReplayStore(replays),
    monitors: createMonitorStore(replays),
  };
}

/** The default of the maximum duration of one port call. */
export const CALL_MS = 10_000;

/** The clock of the machine. */
export const systemClock: Clock = { now: () => Date.now() };
