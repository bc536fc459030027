import type {
  ChangeMessageVisibilityBatchCommandInput,
  ChangeMessageVisibilityCommandInput,
  DeleteMessageBatchCommandInput,
  DeleteMessageCommandInput,
  MessageAttributeValue,
  ReceiveMessageCommandInput,
  SendMessageBatchCommandInput,
} from '@aws-sdk/client-sqs';

import type { Clock } from '@pik/engine';
import { serviceError } from './service-error.ts';

/** A message in a fake queue. */
export interface FakeMessage {
  readonly id: string;
  readonly body: string;
  readonly attributes: Record<string, MessageAttributeValue>;
  readonly sentMs: number;
  visibleMs: number;
  receives: number;
}

/** Two standard queues in memory; the second is the dead-letter queue of the first. */
export interface FakeSQS {
  readonly queues: ReadonlyMap<string, FakeMessage[]>;
  readonly habits: {
    /** The number of copies of each received message, each with its own receipt. */
    copies: number;
    /** Messages arrive in random order. */
    shuffled: boolean;
  };
  handle(command: string, input: object): object;
  /** Handles half of a batch and reports the rest as failed. */
  handlePart(command: string, input: object): object | null;
}

const RECEIVES_MAX = 5;
const ENTRIES_MAX = 10;
const BATCH_BYTES_MAX = 262_144;

/** Empty queues; time is the clock's. */
export function createFakeSQS(urls: { queue: string; deadLetterQueue: string }, clock: Clock): FakeSQS {
  const queues = new Map<string, FakeMessage[]>([
    [urls.queue, []],
    [urls.deadLetterQueue, []],
  ]);
  const habits = { copies: 1, shuffled: false };
  const world: World = { queues, urls, clock, habits, made: 0 };
  return {
    queues,
    habits,
    handle: (command, input) => handle(world, command, input as AnyInput),
    handlePart(command, input) {
      const { Entries } = input as { Entries?: { Id?: string | undefined }[] };
      if (Entries === undefined) return null;
      const half = Math.floor(Entries.length / 2);
      const done =
        half === 0 ? {} : handle(world, command, { ...(input as AnyInput), Entries: Entries.slice(0, half) });
      const Failed = Entries.slice(half).map(({ Id }) => ({ Id, SenderFault: false, Code: 'ServiceUnavailable' }));
      return { ...done, Failed };
    },
  };
}

interface World {
  readonly queues: Map<string, FakeMessage[]>;
  readonly urls: { queue: string; deadLetterQueue: string };
  readonly clock: Clock;
  readonly habits: FakeSQS['habits'];
  made: number;
}

interface AnyInput {
  readonly QueueUrl?: string | undefined;
  readonly Entries?: { Id?: string | undefined }[];
}

function handle(world: World, command: string, input: AnyInput): object {
  const messages = world.queues.get(input.QueueUrl ?? '');
  if (messages === undefined) throw serviceError('QueueDoesNotExist', 400);
  switch (command) {
    case 'SendMessageBatchCommand':
      return send(world, messages, input as SendMessageBatchCommandInput);
    case 'ReceiveMessageCommand':
      return receive(world, messages, input as ReceiveMessageCommandInput);
    case 'ChangeMessageVisibilityCommand':
      return hide(world, messages, input as ChangeMessageVisibilityCommandInput);
    case 'ChangeMessageVisibilityBatchCommand':
      return each(input as ChangeMessageVisibilityBatchCommandInput, (entry) => hide(world, messages, entry));
    case 'DeleteMessageCommand':
      return remove(messages, input as DeleteMessageCommandInput);
    case 'DeleteMessageBatchCommand':
      return each(input as DeleteMessageBatchCommandInput, (entry) => remove(messages, entry));
    default:
      throw new Error(`the fake of SQS does not know ${command}`);
  }
}

interface Entry {
  readonly Id?: string | undefined;
  readonly ReceiptHandle?: string | undefined;
  readonly VisibilityTimeout?: number | undefined;
}

function each({ Entries = [] }: { Entries: Entry[] | undefined }, work: (entry: Entry) => object): object {
  expectBatch(Entries);
  const Failed: object[] = [];
  for (const entry of Entries) {
    try {
      work(entry);
    } catch (error) {
      Failed.push({ Id: entry.Id, SenderFault: true, Code: (error as Error).name });
    }
  }
  return Failed.length === 0 ? {} : { Failed };
}

function expectBatch(entries: readonly { Id?: string | undefined }[]): void {
  if (entries.length === 0) throw serviceError('EmptyBatchRequest', 400);
  if (entries.length > ENTRIES_MAX) throw serviceError('TooManyEntriesInBatchRequest', 400);
  if (new Set(entries.map(({ Id }) => Id)).size < entries.length) throw serviceError('BatchEntryIdsNotDistinct', 400);
}

function send(world: World, messages: FakeMessage[], { Entries = [] }: SendMessageBatchCommandInput): object {
  expectBatch(Entries);
  let bytes = 0;
  for (const { MessageBody = '', MessageAttributes = {} } of Entries) {
    expectText(MessageBody);
    bytes += Buffer.byteLength(MessageBody);
    for (const [name, { StringValue = '', DataType = '' }] of Object.entries(MessageAttributes)) {
      expectText(StringValue);
      bytes += Buffer.byteLength(name) + Buffer.byteLength(StringValue) + Buffer.byteLength(DataType);
    }
  }
  if (bytes > BATCH_BYTES_MAX) throw serviceError('BatchRequestTooLong', 400);
  const now = world.clock.now();
  for (const { MessageBody = '', MessageAttributes = {} } of Entries) {
    const id = `message ${++world.made}`;
    messages.push({ id, body: MessageBody, attributes: MessageAttributes, sentMs: now, visibleMs: now, receives: 0 });
  }
  return { Successful: Entries.map(({ Id }) => ({ Id })) };
}

/** SQS accepts the characters of XML 1.0, and no empty text. */
function expectText(text: string): void {
  if (text === '') throw serviceError('InvalidParameterValue', 400);
  if (/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(text))
    throw serviceError('InvalidMessageContents', 400);
}

function receive(world: World, messages: FakeMessage[], input: ReceiveMessageCommandInput): object {
  const { MaxNumberOfMessages: max = 1, VisibilityTimeout: hidden = 30 } = input;
  if (max < 1 || max > 10 || !Number.isInteger(hidden)) throw serviceError('InvalidParameterValue', 400);
  const now = world.clock.now();
  if (input.QueueUrl === world.urls.queue) moveAbandoned(world, messages);
  const visible = messages.filter(({ visibleMs }) => visibleMs <= now);
  if (world.habits.shuffled) visible.reverse();
  const given: object[] = [];
  for (const message of visible) {
    for (let copy = 0; copy < world.habits.copies && given.length < max; copy++) {
      message.receives += 1;
      message.visibleMs = now + hidden * 1000;
      given.push(toAnswer(message));
    }
  }
  return given.length === 0 ? {} : { Messages: given };
}

/** The queue's redrive policy. The time of sending stays that of the first. */
function moveAbandoned({ queues, urls, clock }: World, messages: FakeMessage[]): void {
  const dead = messages.filter(({ visibleMs, receives }) => visibleMs <= clock.now() && receives >= RECEIVES_MAX);
  for (const message of dead) {
    messages.splice(messages.indexOf(message), 1);
    queues.get(urls.deadLetterQueue)?.push(message);
  }
}

function toAnswer({ id, body, attributes, sentMs, receives }: FakeMessage): object {
  return {
    MessageId: id,
    Body: body,
    ReceiptHandle: `${id}/${receives}`,
    Attributes: { ApproximateReceiveCount: String(receives), SentTimestamp: String(sentMs) },
    MessageAttributes: attributes,
  };
}

/** The message of a receipt; null if it was received again since, or deleted. */
function held(messages: readonly FakeMessage[], receipt = ''): FakeMessage | null {
  const [id, receives] = receipt.split('/');
  if (id === undefined || receives === undefined) throw serviceError('ReceiptHandleIsInvalid', 400);
  return messages.find((message) => message.id === id && message.receives === Number(receives)) ?? null;
}

function hide(
  { clock }: World,
  messages: FakeMessage[],
  { ReceiptHandle, VisibilityTimeout }: Entry | ChangeMessageVisibilityCommandInput,
): object {
  const message = held(messages, ReceiptHandle);
  const now = clock.now();
  // Only a hidden message can be hidden for longer.
  if (message === null) throw serviceError('InvalidParameterValue', 400);
  if (message.visibleMs <= now) throw serviceError('MessageNotInflight', 400);
  if (!Number.isInteger(VisibilityTimeout)) throw serviceError('InvalidParameterValue', 400);
  message.visibleMs = now + (VisibilityTimeout ?? 0) * 1000;
  return {};
}

/** An expired receipt deletes nothing, without an error. */
function remove(messages: FakeMessage[], { ReceiptHandle }: Entry | DeleteMessageCommandInput): object {
  const message = held(messages, ReceiptHandle);
  if (message !== null) messages.splice(messages.indexOf(message), 1);
  return {};
}
