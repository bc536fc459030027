import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs';

import type { DeadLetterRow, QueuedMessage } from '../../ports/history-rows.ts';

/** A message as the queue takes it. */
export interface OutMessage {
  readonly message_id: string;
  readonly body: string;
  readonly attributes?: Readonly<Record<string, string | number>>;
}

/** A message as it was taken from a queue. */
export interface TakenMessage extends QueuedMessage {
  /** The name that SQS gave it: the same for all deliveries of one copy. */
  readonly sqs_id: string;
  readonly sent_ms: number;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A record of Lambda's SQS event, which uses other names than a response of SQS. */
export interface LambdaSqsRecord {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string | undefined>>;
  readonly messageAttributes: Readonly<Record<string, { readonly stringValue?: string | undefined } | undefined>>;
}

/** The attribute of bodies that SQS does not accept unencoded. */
const ENCODING = 'encoding';

/** The attributes and body of a message for SQS; the id is an attribute, since SQS assigns its own. */
export function toEntry({ message_id, body, attributes = {} }: OutMessage) {
  const plain = fitsSqs(body);
  const all = { message_id, ...attributes, ...(plain ? {} : { [ENCODING]: 'base64' }) };
  const MessageAttributes: Record<string, MessageAttributeValue> = {};
  for (const [name, value] of Object.entries(all)) {
    const DataType = typeof value === 'number' ? 'Number' : 'String';
    MessageAttributes[name] = { DataType, StringValue: String(value) };
  }
  return { MessageBody: plain ? body : Buffer.from(body, 'utf8').toString('base64'), MessageAttributes };
}

/** Bytes of an entry as SQS counts them: the body, and name, type and value of each attribute. */
export function entryBytes({ MessageBody, MessageAttributes }: ReturnType<typeof toEntry>): number {
  let bytes = Buffer.byteLength(MessageBody);
  for (const [name, { DataType = '', StringValue = '' }] of Object.entries(MessageAttributes))
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType) + Buffer.byteLength(StringValue);
  return bytes;
}

/** Messages with the time of their sending; SQS keeps every copy, so one of each id is enough. */
export function stamped(messages: readonly { message_id: string; body: string }[], sent_ms: number): OutMessage[] {
  const distinct = new Map(messages.map(({ message_id, body }) => [message_id, { message_id, body }]));
  return [...distinct.values()].map((message) => ({ ...message, attributes: { sent_ms } }));
}

/** SQS takes the characters of XML 1.0 alone. */
function fitsSqs(text: string): boolean {
  return !/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(text);
}

/** A text of any characters as an attribute: a JSON string, in which what SQS does not take is escaped. */
export function attributeText(text: string): string {
  return JSON.stringify(text).replace(/[^\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** The text behind `attributeText`; one that another sender wrote is taken as it is. */
function readAttributeText(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : text;
  } catch {
    return text;
  }
}

/** A message of an answer of SQS. */
export function readMessage(message: Message): TakenMessage {
  const attributes: Record<string, string> = {};
  for (const [name, { StringValue }] of Object.entries(message.MessageAttributes ?? {}))
    if (StringValue !== undefined) attributes[name] = StringValue;
  return taken({
    id: message.MessageId ?? '',
    body: message.Body ?? '',
    receipt: message.ReceiptHandle ?? '',
    system: message.Attributes ?? {},
    attributes,
  });
}

/** A message that Lambda took from the queue. */
export function readLambdaRecord(record: LambdaSqsRecord): TakenMessage {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(record.messageAttributes))
    if (value?.stringValue !== undefined) attributes[name] = value.stringValue;
  return taken({
    id: record.messageId,
    body: record.body,
    receipt: record.receiptHandle,
    system: record.attributes,
    attributes,
  });
}

function taken(message: {
  id: string;
  body: string;
  receipt: string;
  system: Readonly<Record<string, string | undefined>>;
  attributes: Record<string, string>;
}): TakenMessage {
  const { id, body, receipt, system, attributes } = message;
  return {
    sqs_id: id,
    message_id: attributes.message_id ?? id,
    body: attributes[ENCODING] === 'base64' ? Buffer.from(body, 'base64').toString('utf8') : body,
    receipt,
    receives: Number(system.ApproximateReceiveCount ?? 1),
    // By this kit's own clock; a message of another sender has the time of SQS alone.
    sent_ms: Number(attributes.sent_ms ?? system.SentTimestamp ?? 0),
    attributes,
  };
}

/** A message of the dead-letter queue; one without a reason was moved there by SQS itself. */
export function readDeadLetter(message: TakenMessage): DeadLetterRow {
  const { message_id, body, receives, sent_ms, attributes } = message;
  const { code, detail } = attributes;
  if (code === undefined)
    return {
      message_id,
      body,
      receives,
      code: 'MESSAGE_ABANDONED',
      detail: 'it was received the maximum number of times, and neither finished nor given back',
      sent_ms,
      died_ms: sent_ms,
    };
  return {
    message_id,
    body,
    receives: Number(attributes.receives ?? receives),
    code,
    detail: readAttributeText(detail ?? ''),
    sent_ms,
    died_ms: Number(attributes.died_ms ?? sent_ms),
  };
}
