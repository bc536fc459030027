import type { ProcessOptions, ProcessPipeline, QueuedMessage, ReplayQueue } from '@pik/engine';
import { processPipeline } from '@pik/engine';
import { KitError } from '@pik/schema';
import { invoke, openKit, type Setup } from './kit.ts';
import type { Invocation } from './telemetry.ts';

/** A message as the event source mapping hands it over. */
export interface QueueRecord {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string | undefined>>;
  readonly messageAttributes: Readonly<Record<string, { readonly stringValue?: string | undefined } | undefined>>;
}

/** The messages of an event source mapping. */
export interface QueueEvent {
  readonly Records: readonly QueueRecord[];
}

/** A queue that can adopt a message that the mapping received from it. */
interface AdoptingQueue extends ReplayQueue {
  adopt(record: QueueRecord): QueuedMessage;
}

/** The messages that are not done; the mapping deletes all others, and deletes everything if it gets no result. */
export interface QueueResult {
  readonly batchItemFailures: { readonly itemIdentifier: string }[];
}

/** The function that processes the messages of replays. */
export type QueueFunction = (event: QueueEvent, invocation: Invocation) => Promise<QueueResult>;

/** The minimum time left to begin a message of a batch: a message that is cut off only uses up a delivery. */
const REMAINING_MS_MIN = 30_000;

const SETTINGS = ['aggregatesTable', 'replaysTable', 'queueUrl', 'deadLetterQueueUrl', 'retryDelayMs'] as const;

/** The function behind the queue. Throws as `openKit` does. */
export async function open(setup: Setup): Promise<QueueFunction> {
  const kit = await openKit(setup, SETTINGS);
  const pipeline = processPipeline(kit.context);
  const { queue } = kit.context.backend;
  const run = async ({ Records }: QueueEvent, invocation: Invocation): Promise<QueueResult> => {
    if (!isOfQueue(Records)) throw new KitError('REQUEST_INVALID', NOT_OF_QUEUE);
    // While a store is down, the whole batch is delivered again, and the mapping slows down.
    await pipeline.ready();
    const batchItemFailures: QueueResult['batchItemFailures'] = [];
    for (const record of Records) {
      const inTime = invocation.getRemainingTimeInMillis() >= REMAINING_MS_MIN;
      if (!(inTime && (await isEnded(pipeline, messageOf(queue, record), kit.settings))))
        batchItemFailures.push({ itemIdentifier: record.messageId });
    }
    return { batchItemFailures };
  };
  return (event, invocation) => invoke(kit, invocation, { run: () => run(event, invocation) });
}

const NOT_OF_QUEUE =
  'the event is not from the queue of replay messages: connect the processor to the event source mapping of that queue only';

function isOfQueue(records: unknown): records is readonly QueueRecord[] {
  return Array.isArray(records) && records.every(isQueueRecord);
}

function isQueueRecord(record: Partial<QueueRecord> | null): boolean {
  return (
    typeof record?.receiptHandle === 'string' &&
    typeof record.body === 'string' &&
    typeof record.attributes?.ApproximateReceiveCount === 'string'
  );
}

/** The message of a record; only an AWS queue knows how bodies and ids are encoded. */
function messageOf(queue: ReplayQueue, record: QueueRecord): QueuedMessage {
  if ('adopt' in queue) return (queue as AdoptingQueue).adopt(record);
  const { messageId: message_id, receiptHandle: receipt, body, attributes } = record;
  return { message_id, receipt, body, receives: Number(attributes.ApproximateReceiveCount) };
}

/** True if the mapping may delete a message because it is done or a dead letter. */
async function isEnded(pipeline: ProcessPipeline, message: QueuedMessage, options: ProcessOptions): Promise<boolean> {
  try {
    const result = await pipeline.process(message, options);
    return result === 'DONE' || result === 'DEAD';
  } catch {
    // It could not be returned to the queue, but will be delivered again by itself.
    return false;
  }
}
