import type { SNSClient } from '@aws-sdk/client-sns';
import { KitError } from '@pik/schema';

import type { Alert } from '../rules/alert.ts';
import type { Sink } from './sink.ts';

/** A topic of Amazon SNS. */
export interface SnsSinkOptions {
  readonly topicArn: string;
  /** Default: the variables and files of AWS, in the region of the topic. */
  readonly client?: SNSClient | undefined;
}

/** Characters of the subject of a mail. */
const SUBJECT_CHARS_MAX = 99;

/**
 * Publishes alerts to a topic: the message is the alert as JSON, and subscriptions can filter by `state`, `severity`, `kind` and
 * `monitor`. A FIFO topic publishes a repeated message once. The client is loaded with the first alert.
 *
 * @throws KitError `CONFIG_INVALID` for a text that is not the ARN of a topic; when it sends, if `@aws-sdk/client-sns` is missing.
 */
export function createSnsSink({ topicArn, client }: SnsSinkOptions): Sink {
  const region = /^arn:[\w-]+:sns:([\w-]+):\d+:.+$/.exec(topicArn)?.[1];
  if (region === undefined)
    throw new KitError('CONFIG_INVALID', `${topicArn} is not the ARN of a topic`, { path: '/sinks' });
  let known = client;
  return {
    refreshMs: null,
    async send(alert, signal) {
      const sns = await loadSns();
      known ??= new sns.SNSClient({ region });
      await known.send(new sns.PublishCommand(messageOf(alert, topicArn)), { abortSignal: signal });
    },
  };
}

async function loadSns() {
  try {
    return await import('@aws-sdk/client-sns');
  } catch (cause) {
    throw new KitError('CONFIG_INVALID', 'a topic of SNS needs the package @aws-sdk/client-sns', { cause });
  }
}

function messageOf(alert: Alert, topicArn: string) {
  const { message_id, state, severity, kind, monitor, key } = alert;
  const attribute = (value: string) => ({ DataType: 'String', StringValue: value });
  const isFifo = topicArn.endsWith('.fifo');
  return {
    TopicArn: topicArn,
    // ASCII, without line breaks; names of monitors are.
    Subject: `${state} ${monitor} (${kind}, ${severity})`.slice(0, SUBJECT_CHARS_MAX),
    Message: JSON.stringify(alert),
    MessageAttributes: {
      state: attribute(state),
      severity: attribute(severity),
      kind: attribute(kind),
      monitor: attribute(monitor),
    },
    ...(isFifo ? { MessageGroupId: key, MessageDeduplicationId: message_id } : {}),
  };
}
