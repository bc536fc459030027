import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ConsumeMessage } from 'amqplib';

import { loadClient } from './load-client.ts';
import {
  BATCH_BYTES_MAX,
  BATCH_RECORDS_MAX,
  READ_WAIT_MS,
  type Tap,
  type TapBatch,
  type TapOptions,
  type TapRecord,
} from './tap.ts';

/** A queue of RabbitMQ. */
export interface RabbitmqTapOptions extends TapOptions {
  /** Default: `amqp://127.0.0.1`. */
  readonly url?: string | undefined;
  /** The queue, which must exist. */
  readonly queue: string;
}

const POLL_MS = 20;

/**
 * Opens a queue of RabbitMQ. A record is a message. A committed message is acknowledged, and with that gone from the queue. The id of a
 * record is the property `message_id` of its message; a message without one is identified by its bytes.
 *
 * @throws KitError `CONFIG_INVALID` if `amqplib` is not installed.
 */
export async function openRabbitmqTap(options: RabbitmqTapOptions): Promise<Tap> {
  const { url = 'amqp://127.0.0.1', queue, waitMs = READ_WAIT_MS } = options;
  const { default: amqp } = await loadClient(() => import('amqplib'), 'amqplib');
  const connection = await amqp.connect(url);
  const arrivals = new Arrivals(queue);
  // The next read fails with the error that ended the connection.
  connection.on('error', (error) => arrivals.fail(error));
  connection.on('close', () => arrivals.fail(new Error('the connection to RabbitMQ was closed')));
  try {
    const channel = await connection.createChannel();
    channel.on('error', (error: Error) => arrivals.fail(error));
    await channel.prefetch(BATCH_RECORDS_MAX);
    await channel.checkQueue(queue);
    await channel.consume(queue, (message) => arrivals.add(message));
    return new RabbitmqTap(`queue ${queue}`, { channel, arrivals, waitMs, end: () => connection.close() });
  } catch (error) {
    await connection.close().catch(() => undefined);
    throw error;
  }
}

/** The messages that RabbitMQ has pushed, at most as many as the prefetch allows. */
class Arrivals {
  readonly #queue: string;
  #messages: ConsumeMessage[] = [];
  #error: Error | null = null;

  constructor(queue: string) {
    this.#queue = queue;
  }

  add(message: ConsumeMessage | null): void {
    if (message === null) this.fail(new Error(`RabbitMQ has ended the consumer of the queue ${this.#queue}`));
    else this.#messages.push(message);
  }

  fail(error: Error): void {
    this.#error ??= error;
  }

  /** Throws what ended the connection. */
  check(): void {
    if (this.#error !== null) throw this.#error;
  }

  /** The next messages, a batch at most. Throws what ended the connection. */
  take(): ConsumeMessage[] {
    this.check();
    let bytes = 0;
    let count = 0;
    for (const { content } of this.#messages) {
      if (bytes >= BATCH_BYTES_MAX) break;
      bytes += content.length;
      count += 1;
    }
    const taken = this.#messages.slice(0, count);
    this.#messages = this.#messages.slice(count);
    return taken;
  }
}

interface Consuming {
  readonly channel: Channel;
  readonly arrivals: Arrivals;
  readonly waitMs: number;
  readonly end: () => Promise<void>;
}

class RabbitmqTap implements Tap {
  readonly name: string;
  readonly #consuming: Consuming;
  readonly #uncommitted = new Map<string, ConsumeMessage>();

  constructor(name: string, consuming: Consuming) {
    this.name = name;
    this.#consuming = consuming;
  }

  async read(signal: AbortSignal): Promise<TapBatch | null> {
    for (let waitedMs = 0; waitedMs <= this.#consuming.waitMs && !signal.aborted; waitedMs += POLL_MS) {
      const messages = this.#consuming.arrivals.take();
      const last = messages.at(-1);
      if (last !== undefined) {
        const token = String(last.fields.deliveryTag);
        this.#uncommitted.set(token, last);
        return { records: messages.map(recordOf), token };
      }
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
    return null;
  }

  /** Acknowledges everything up to the last message of the batch. RabbitMQ confirms nothing: a lost acknowledgement is a delivery more. */
  async commit(token: string): Promise<void> {
    const last = this.#uncommitted.get(token);
    this.#consuming.arrivals.check();
    if (last !== undefined) this.#consuming.channel.ack(last, true);
    this.#uncommitted.delete(token);
  }

  async close(): Promise<void> {
    await this.#consuming.end();
  }
}

function recordOf({ content, fields, properties }: ConsumeMessage): TapRecord {
  const { messageId, timestamp, type, contentType, headers = {} } = properties;
  const { exchange, routingKey } = fields;
  const texts = Object.entries(headers).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value));
  const own = Object.entries({ message_id: messageId, type, content_type: contentType });
  return {
    bytes: content,
    id: typeof messageId === 'string' && messageId !== '' ? messageId : null,
    // The protocol counts in seconds.
    storedMs: typeof timestamp === 'number' ? timestamp * 1_000 : null,
    key: null,
    facts: {
      ...{ exchange, routing_key: routingKey },
      ...Object.fromEntries(
        own.filter(([, value]) => typeof value === 'string').map(([name, value]) => [name, String(value)]),
      ),
      ...Object.fromEntries(texts.map(([name, value]) => [`header ${name}`, String(value)])),
    },
  };
}
