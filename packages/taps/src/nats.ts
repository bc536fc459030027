import type { Consumer, JsMsg } from '@nats-io/jetstream';
import { KitError } from '@pik/schema';

import { loadClient } from './load-client.ts';
import { BATCH_RECORDS_MAX, READ_WAIT_MS, type Tap, type TapBatch, type TapOptions, type TapRecord } from './tap.ts';

/** A stream of NATS JetStream, read by a durable consumer. */
export interface NatsTapOptions extends TapOptions {
  /** Default: `127.0.0.1:4222`. */
  readonly servers?: string | undefined;
  readonly stream: string;
  /** The durable consumer that keeps the position. It is created at the beginning of the stream if there is none. Default: `pik`. */
  readonly consumer?: string | undefined;
  /** Only messages with these subjects, for a consumer that is created. Default: all. */
  readonly filter?: string | undefined;
  /**
   * For a consumer that is created: milliseconds after which a message that was read and not acknowledged is delivered again. Default: 30,000.
   */
  readonly ackWaitMs?: number | undefined;
}

/**
 * Opens a stream of JetStream. A record is a message. The position is that of the durable consumer, which NATS keeps: committed messages
 * are acknowledged, and the acknowledgement is awaited.
 *
 * @throws KitError `CONFIG_INVALID` if the client libraries are not installed, or the consumer does not ask for acknowledgements.
 */
export async function openNatsTap(options: NatsTapOptions): Promise<Tap> {
  const packages = '@nats-io/transport-node @nats-io/jetstream';
  const { connect } = await loadClient(() => import('@nats-io/transport-node'), packages);
  const { AckPolicy, DeliverPolicy, JetStreamApiError, jetstream, jetstreamManager } = await loadClient(
    () => import('@nats-io/jetstream'),
    packages,
  );
  const { servers = '127.0.0.1:4222', stream, consumer: durable = 'pik', filter, ackWaitMs = 30_000 } = options;
  const connection = await connect({ servers, reconnect: false });
  try {
    const manager = await jetstreamManager(connection);
    const found = await manager.consumers.info(stream, durable).catch((error: unknown) => {
      if (error instanceof JetStreamApiError && error.status === 404) return null;
      throw error;
    });
    if (found !== null && found.config.ack_policy !== AckPolicy.Explicit)
      throw new KitError('CONFIG_INVALID', `the consumer ${durable} must have the ack policy explicit`);
    if (found === null)
      await manager.consumers.add(stream, {
        ...{ durable_name: durable, ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.All },
        ...{ ack_wait: ackWaitMs * 1e6, max_ack_pending: 4 * BATCH_RECORDS_MAX },
        ...(filter === undefined ? {} : { filter_subject: filter }),
      });
    const consumer = await jetstream(connection).consumers.get(stream, durable);
    return new NatsTap(consumer, options, () => connection.close());
  } catch (error) {
    await connection.close();
    throw error;
  }
}

class NatsTap implements Tap {
  readonly name: string;
  readonly #consumer: Consumer;
  readonly #waitMs: number;
  readonly #end: () => Promise<void>;
  /** The messages of each batch that is not committed. */
  readonly #uncommitted = new Map<string, readonly JsMsg[]>();
  #batches = 0;

  constructor(consumer: Consumer, { stream, waitMs = READ_WAIT_MS }: NatsTapOptions, end: () => Promise<void>) {
    this.name = `stream ${stream}`;
    this.#consumer = consumer;
    this.#waitMs = waitMs;
    this.#end = end;
  }

  async read(signal: AbortSignal): Promise<TapBatch | null> {
    if (signal.aborted) return null;
    // The first message is awaited; those that are there by then come with it.
    const first = await this.#consumer.next({ expires: this.#waitMs });
    if (first === null) return null;
    const more = first.info.pending;
    const messages = [first];
    if (more > 0) {
      const fetched = await this.#consumer.fetch({
        max_messages: Math.min(more, BATCH_RECORDS_MAX - 1),
        expires: this.#waitMs,
      });
      for await (const message of fetched) messages.push(message);
    }
    this.#batches += 1;
    const token = String(this.#batches);
    this.#uncommitted.set(token, messages);
    return { records: messages.map(recordOf), token };
  }

  async commit(token: string): Promise<void> {
    const messages = this.#uncommitted.get(token) ?? [];
    const acknowledged = await Promise.all(messages.map((message) => message.ackAck()));
    if (!acknowledged.every(Boolean)) throw new Error('NATS did not confirm an acknowledgement');
    this.#uncommitted.delete(token);
  }

  close(): Promise<void> {
    return this.#end();
  }
}

function recordOf({ data, subject, headers, info, timestampNanos }: JsMsg): TapRecord {
  const { stream, streamSequence } = info;
  const named = [...(headers ?? [])].map(([name, values]) => [`header ${name}`, values.join(', ')] as const);
  return {
    bytes: data,
    id: `${stream}/${streamSequence}`,
    storedMs: Number(timestampNanos / 1_000_000n),
    key: null,
    facts: { stream, subject, sequence: String(streamSequence), ...Object.fromEntries(named) },
  };
}
