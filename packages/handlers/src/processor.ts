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

/** Messages as the event source mapping hands them over. */
export interface QueueEvent {
  readonly Records: readonly QueueRecord[];
}

/** A queue that can take over a message which the mapping took from it. */
interface AdoptingQueue extends ReplayQueue {
  adopt(record: QueueRecord): QueuedMessage;
}

/** Which messages of the event are not done; the mapping deletes the others, and all of them where it gets nothing. */
export interface QueueResult {
  readonly batchItemFailures: { readonly itemIdentifier: string }[];
}

/** The function that processes the messages of replays. */
export type QueueFunction = (event: QueueEvent, invocation: Invocation) => Promise<QueueResult>;

/** Below this no further message of a batch is begun: one that is cut off in the middle only uses up its deliveries. */
const REMAINING_MS_MIN = 30_000;

const SETTINGS = ['aggregatesTable', 'replaysTable', 'queueUrl', 'deadLetterQueueUrl', 'retryDelayMs'] as const;

/** The function behind the queue. Throws as `openKit` does. */
export async function open(setup: Setup): Promise<QueueFunction> {
  const kit = await openKit(setup, SETTINGS);
  const pipeline = processPipeline(kit.context);
  const { queue } = kit.context.backend;
  const run = async ({ Records }: QueueEvent, invocation: Invocation): Promise<QueueResult> => {
    if (!isOfQueue(Records)) throw new KitError('REQUEST_INVALID', NOT_OF_QUEUE);
    // While a store is down the whole batch comes again, and the mapping slows down.
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

/** The message of a record; only a queue of AWS knows how bodies and ids are written there. */
function messageOf(queue: ReplayQueue, record: QueueRecord): QueuedMessage {
  if ('adopt' in queue) return (queue as AdoptingQueue).adopt(record);
  const { messageId: message_id, receiptHandle: receipt, body, attributes } = record;
  return { message_id, receipt, body, receives: Number(attributes.ApproximateReceiveCount) };
}

/** Whether the mapping may delete a message: it is done, or lies with the dead letters. */
async function isEnded(pipeline: ProcessPipeline, message: QueuedMessage, options: ProcessOptions): Promise<boolean> {
  try {
    const result = await pipeline.process(message, options);
    return result === 'DONE' || result === 'DEAD';
  } catch {
    // It could not even be given back, and comes again by itself.
    return false;
  }
}
