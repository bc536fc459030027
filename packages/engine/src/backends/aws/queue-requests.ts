import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { counted, KitError } from '@pik/schema';

import type { Calls, Deadline } from './calls.ts';
import { entryBytes, type OutMessage, readMessage, type TakenMessage, toEntry } from './messages.ts';

/** The requests of one queue. */
export interface QueueRequests {
  /** Durable on return; each message is delivered at least once. */
  send(deadline: Deadline, messages: readonly OutMessage[]): Promise<void>;
  receive(deadline: Deadline, options: { max: number; visibilityMs: number }): Promise<TakenMessage[]>;
  /** False if the receipt is no longer valid. */
  setVisibility(deadline: Deadline, receipt: string, visibilityMs: number): Promise<boolean>;
  /** Makes several messages visible again; if that fails, they return after their visibility timeout. */
  release(deadline: Deadline, receipts: readonly string[]): Promise<void>;
  delete(deadline: Deadline, receipt: string): Promise<void>;
  deleteMany(deadline: Deadline, receipts: readonly string[]): Promise<void>;
}

/** Entries of one batch request. */
const ENTRIES_MAX = 10;
/** The maximum size of a batch request that every queue accepts (newer queues accept four times that). */
const BATCH_BYTES_MAX = 256 * 1024;
/** The maximum visibility timeout, in seconds. */
const VISIBILITY_S_MAX = 43_200;
interface At {
  readonly client: SQSClient;
  readonly url: string;
  readonly calls: Calls;
  /** How long a receive waits for a message; see `AwsOptions`. */
  readonly receiveWaitMs: number;
}

/** The requests of the queue with that address. */
export function createQueueRequests(at: At): QueueRequests {
  const { client, url: QueueUrl, calls, receiveWaitMs } = at;
  return {
    send: (deadline, messages) => sendAll(at, deadline, messages),
    async receive(deadline, { max, visibilityMs }) {
      const command = new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: Math.min(max, ENTRIES_MAX),
        VisibilityTimeout: seconds(visibilityMs),
        WaitTimeSeconds: seconds(receiveWaitMs),
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp'],
      });
      const answer = await calls.send(deadline, (options) => client.send(command, options));
      return (answer.Messages ?? []).map(readMessage);
    },
    setVisibility: (deadline, receipt, visibilityMs) =>
      unlessWorthless(receipt, async () => {
        const VisibilityTimeout = seconds(visibilityMs);
        const command = new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: receipt, VisibilityTimeout });
        await calls.send(deadline, (options) => client.send(command, options));
      }),
    async release(deadline, receipts) {
      for (const some of inTens(receipts)) {
        const Entries = some.map((ReceiptHandle, i) => ({ Id: String(i), ReceiptHandle, VisibilityTimeout: 0 }));
        const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries });
        await calls.send(deadline, (options) => client.send(command, options));
      }
    },
    async delete(deadline, receipt) {
      await unlessWorthless(receipt, async () => {
        const command = new DeleteMessageCommand({ QueueUrl, ReceiptHandle: receipt });
        await calls.send(deadline, (options) => client.send(command, options));
      });
    },
    async deleteMany(deadline, receipts) {
      for (const some of inTens(receipts)) await deleteTen(at, deadline, some);
    },
  };
}

function seconds(ms: number): number {
  return Math.min(VISIBILITY_S_MAX, Math.max(0, Math.ceil(ms / 1000)));
}

function inTens<T>(items: readonly T[]): T[][] {
  const groups: T[][] = [];
  for (let start = 0; start < items.length; start += ENTRIES_MAX) groups.push(items.slice(start, start + ENTRIES_MAX));
  return groups;
}

const WORTHLESS = new Set([
  'InvalidParameterValue',
  'InvalidParameterValueException',
  'MessageNotInflight',
  'ReceiptHandleIsInvalid',
]);

async function unlessWorthless(receipt: string, request: () => Promise<void>): Promise<boolean> {
  if (receipt === '') return false;
  try {
    await request();
    return true;
  } catch (error) {
    if (WORTHLESS.has((error as Error).name)) return false;
    throw error;
  }
}

type Entry = ReturnType<typeof toEntry>;

async function sendAll(at: At, deadline: Deadline, messages: readonly OutMessage[]): Promise<void> {
  let open = messages.map(toEntry);
  for (let attempts = 1; open.length > 0; attempts++) {
    const left: Entry[] = [];
    for (const group of grouped(open)) for (const one of await sendGroup(at, deadline, group)) left.push(one);
    open = left;
    if (open.length > 0 && !(await at.calls.pause(deadline, attempts)))
      throw new KitError('STORE_UNAVAILABLE', `the queue did not take ${counted(open.length, 'message')}`);
  }
}

/** Groups as large as one request may be, in entries and in bytes. */
function grouped(entries: readonly Entry[]): Entry[][] {
  const groups: Entry[][] = [];
  let group: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = entryBytes(entry);
    if (group.length === ENTRIES_MAX || (group.length > 0 && bytes + size > BATCH_BYTES_MAX)) {
      groups.push(group);
      group = [];
      bytes = 0;
    }
    group.push(entry);
    bytes += size;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

/** Sends a group; returns the entries that the queue did not accept but may accept later. */
async function sendGroup({ client, url, calls }: At, deadline: Deadline, group: readonly Entry[]): Promise<Entry[]> {
  const Entries = group.map((entry, i) => ({ ...entry, Id: String(i) }));
  const command = new SendMessageBatchCommand({ QueueUrl: url, Entries });
  const { Failed: failed = [] } = await calls.send(deadline, (options) => client.send(command, options));
  const refused = failed.find(({ SenderFault }) => SenderFault === true);
  if (refused !== undefined)
    throw new KitError('STORE_UNAVAILABLE', `the queue refuses a message (${refused.Code}: ${refused.Message})`);
  return failed.map(({ Id }) => group[Number(Id)] as Entry);
}

async function deleteTen({ client, url, calls }: At, deadline: Deadline, receipts: readonly string[]): Promise<void> {
  let open = [...receipts];
  for (let attempts = 1; open.length > 0; attempts++) {
    const Entries = open.map((ReceiptHandle, i) => ({ Id: String(i), ReceiptHandle }));
    const command = new DeleteMessageBatchCommand({ QueueUrl: url, Entries });
    const { Failed: failed = [] } = await calls.send(deadline, (options) => client.send(command, options));
    const left = failed.filter(({ SenderFault }) => SenderFault !== true).map(({ Id }) => open[Number(Id)] as string);
    open = left;
    // A message that is not deleted is delivered again, which is harmless: it was already forwarded.
    if (open.length > 0 && !(await calls.pause(deadline, attempts))) return;
  }
}
