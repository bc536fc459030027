import type { Backend } from '../../ports/backend.ts';
import { createCalls } from './calls.ts';
import { type AwsClients, createAwsClients } from './clients.ts';
import { type AwsStoresOptions, CALL_MS, openAwsStores, systemClock } from './open-stores.ts';
import { createQueueRequests } from './queue-requests.ts';
import { type AwsReplayQueue, createReplayQueue } from './replay-queue.ts';
import { systemTiming } from './timing.ts';

/** The resources of one deployment, and the settings of the backend. */
export interface AwsOptions extends AwsStoresOptions {
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  /** Default: new clients, which `close` destroys. */
  readonly clients?: AwsClients | undefined;
  /**
   * How long a receive waits for a message, in milliseconds, in steps of a second. A receive that waits queries all servers
   * of the queue; a receive that does not wait may miss existing messages. Default 1,000.
   */
  readonly receiveWaitMs?: number | undefined;
}

/** The kit's backend on S3, DynamoDB and SQS. */
export interface AwsBackend extends Backend {
  readonly queue: AwsReplayQueue;
}

/**
 * Opens a backend over existing resources. Sends no request.
 *
 * @example
 * import { createPipeline } from '@pik/engine';
 * import { openAwsBackend } from '@pik/engine/aws';
 *
 * const stores = { bucket: 'events', indexTable: 'index', aggregatesTable: 'aggregates', replaysTable: 'replays' };
 * const queues = { queueUrl: process.env.QUEUE_URL ?? '', deadLetterQueueUrl: process.env.DEAD_LETTER_QUEUE_URL ?? '' };
 * const pipeline = createPipeline({ backend: openAwsBackend({ ...stores, ...queues }) });
 */
export function openAwsBackend(options: AwsOptions): AwsBackend {
  const { clock = systemClock, timing = systemTiming, callMs = CALL_MS, receiveWaitMs = 1_000 } = options;
  const clients = options.clients ?? createAwsClients();
  const calls = createCalls({ timing, callMs, unavailable: 'STORE_UNAVAILABLE' });
  const queueOf = (url: string) => createQueueRequests({ client: clients.sqs, url, calls, receiveWaitMs });
  return {
    ...openAwsStores(options, clients),
    queue: createReplayQueue({
      queue: queueOf(options.queueUrl),
      deadLetterQueue: queueOf(options.deadLetterQueueUrl),
      calls,
      clock,
    }),
    async close() {
      if (options.clients !== undefined) return;
      for (const own of Object.values(clients)) own.destroy();
    },
  };
}
