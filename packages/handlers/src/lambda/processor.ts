import type { ProcessPipeline } from '../pipeline.ts';
import { processPipeline } from '../pipeline-parts.ts';
import { invoke, openKit, type Setup } from './kit.ts';
import type { Invocation } from './telemetry.ts';

/** Messages as the event source mapping hands them over. */
export interface QueueEvent {
  readonly Records: readonly {
    readonly messageId: string;
    readonly receiptHandle: string;
    readonly body: string;
    readonly attributes: { readonly ApproximateReceiveCount: string };
  }[];
}

/** Which messages of the event are not done; the mapping deletes the others, and all of them where it gets nothing. */
export interface QueueResult {
  readonly batchItemFailures: { readonly itemIdentifier: string }[];
}

/** The function that processes the messages of replays. */
export type QueueFunction = (event: QueueEvent, invocation: Invocation) => Promise<QueueResult>;

/** Below this no further message of a batch is begun: one that is cut off in the middle only uses up its deliveries. */
const REMAINING_MS_MIN = 30_000;

/** The function behind the queue. Throws as `openKit` does. */
export async function open(setup: Setup): Promise<QueueFunction> {
  const kit = await openKit(setup, ['aggregatesTable', 'replaysTable', 'queueUrl', 'deadLetterQueueUrl']);
  const pipeline = processPipeline(kit.context);
  const run = async ({ Records }: QueueEvent, invocation: Invocation): Promise<QueueResult> => {
    // While a store is down the whole batch comes again, and the mapping slows down.
    await pipeline.ready();
    const batchItemFailures: QueueResult['batchItemFailures'] = [];
    for (const record of Records) {
      const inTime = invocation.getRemainingTimeInMillis() >= REMAINING_MS_MIN;
      if (!(inTime && (await isEnded(pipeline, record)))) batchItemFailures.push({ itemIdentifier: record.messageId });
    }
    return { batchItemFailures };
  };
  return (event, invocation) => invoke(kit, invocation, { run: () => run(event, invocation) });
}

/** Whether the mapping may delete a message: it is done, or lies with the dead letters. */
async function isEnded(pipeline: ProcessPipeline, record: QueueEvent['Records'][number]): Promise<boolean> {
  const { messageId: message_id, receiptHandle: receipt, body, attributes } = record;
  const receives = Number(attributes.ApproximateReceiveCount);
  try {
    const result = await pipeline.process({ message_id, receipt, body, receives });
    return result === 'DONE' || result === 'DEAD';
  } catch {
    // It could not even be given back, and comes again by itself.
    return false;
  }
}
