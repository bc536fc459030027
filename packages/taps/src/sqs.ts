import type { Message, SQSClient } from '@aws-sdk/client-sqs';
import { KitError } from '@pik/schema';

import { loadClient } from './load-client.ts';
import { READ_WAIT_MS, type Tap, type TapBatch, type TapOptions, type TapRecord } from './tap.ts';

/** A queue of Amazon SQS. */
export interface SqsTapOptions extends TapOptions {
  readonly queueUrl: string;
  /** Default: the variables and files of AWS. */
  readonly region?: string | undefined;
  /** Of an emulator. Default: that of AWS. */
  readonly endpoint?: string | undefined;
}

/** The most messages of one call to SQS. */
const MESSAGES_MAX = 10;
/** Calls for messages at a time. */
const CALLS = 4;

/**
 * Opens a queue of SQS. A record is a message. Committed messages are deleted. A message that was read and not committed comes again
 * after the visibility timeout of its queue, which should be longer than the time that the kit may be away.
 *
 * @throws KitError `CONFIG_INVALID` if `@aws-sdk/client-sqs` is not installed.
 */
export async function openSqsTap({ queueUrl, waitMs = READ_WAIT_MS, ...given }: SqsTapOptions): Promise<Tap> {
  const sqs = await loadClient(() => import('@aws-sdk/client-sqs'), '@aws-sdk/client-sqs');
  const config = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return new SqsTap(new sqs.SQSClient(config), { queueUrl, waitMs, sqs });
}

interface Queue {
  readonly queueUrl: string;
  readonly waitMs: number;
  readonly sqs: typeof import('@aws-sdk/client-sqs');
}

class SqsTap implements Tap {
  readonly name: string;
  readonly #client: SQSClient;
  readonly #queue: Queue;
  /** The receipt handles of each batch that is not committed. */
  readonly #uncommitted = new Map<string, readonly string[]>();
  #batches = 0;

  constructor(client: SQSClient, queue: Queue) {
    this.#client = client;
    this.#queue = queue;
    this.name = `queue ${queue.queueUrl.split('/').at(-1)}`;
  }

  async read(signal: AbortSignal): Promise<TapBatch | null> {
    if (signal.aborted) return null;
    const messages = await this.#receive(Math.ceil(this.#queue.waitMs / 1_000));
    if (messages.length === 0) return null;
    const more =
      messages.length < MESSAGES_MAX ? [] : await Promise.all(Array.from({ length: CALLS }, () => this.#receive(0)));
    const all = [messages, ...more].flat();
    this.#batches += 1;
    const token = String(this.#batches);
    this.#uncommitted.set(
      token,
      all.map(({ ReceiptHandle }) => ReceiptHandle ?? ''),
    );
    return { records: all.map((message) => recordOf(message, this.name)), token };
  }

  async commit(token: string): Promise<void> {
    const handles = this.#uncommitted.get(token) ?? [];
    const { queueUrl, sqs } = this.#queue;
    for (let i = 0; i < handles.length; i += MESSAGES_MAX) {
      const Entries = handles.slice(i, i + MESSAGES_MAX).map((ReceiptHandle, n) => ({ Id: String(n), ReceiptHandle }));
      const command = new sqs.DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries });
      const { Failed: [failed] = [] } = await this.#client.send(command);
      if (failed !== undefined) throw new Error(`SQS did not delete a message: ${failed.Code} ${failed.Message ?? ''}`);
    }
    this.#uncommitted.delete(token);
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  async #receive(waitSeconds: number): Promise<Message[]> {
    const { queueUrl, sqs } = this.#queue;
    const { Messages = [] } = await this.#client.send(
      new sqs.ReceiveMessageCommand({
        ...{ QueueUrl: queueUrl, MaxNumberOfMessages: MESSAGES_MAX, WaitTimeSeconds: waitSeconds },
        ...{ MessageSystemAttributeNames: ['All'], MessageAttributeNames: ['All'] },
      }),
    );
    return Messages;
  }
}

function recordOf(
  { Body = '', MessageId, Attributes = {}, MessageAttributes = {} }: Message,
  queue: string,
): TapRecord {
  if (MessageId === undefined) throw new KitError('INTERNAL', 'a message of SQS has no id');
  const named = Object.entries(MessageAttributes).flatMap(([name, { StringValue }]) =>
    StringValue === undefined ? [] : [[`attribute ${name}`, StringValue]],
  );
  const { SentTimestamp, MessageGroupId } = Attributes;
  return {
    bytes: Buffer.from(Body),
    id: MessageId,
    storedMs: SentTimestamp === undefined ? null : Number(SentTimestamp),
    key: MessageGroupId ?? null,
    facts: { queue, message_id: MessageId, ...Object.fromEntries(named) },
  };
}
