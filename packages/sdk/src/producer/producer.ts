import type { Catalog, PayloadOf, VolatileDeclaration } from '@pik/schema/events';
import type { ConnectionOptions } from '../connection/connection.ts';
import type { Outbox } from '../outbox/outbox-port.ts';
import type { BacklogStats } from './backlog.ts';
import { BatchingProducer } from './batching-producer.ts';
import type { EmitOptions } from './capture.ts';
import type { ProducerState } from './circuit-breaker.ts';
import type { Log } from './log.ts';
import type { EmitResult, Emitted } from './pending-event.ts';
import type { Overflow, ProducerLimits } from './settings.ts';

/** How a producer works. All sizes are of the events' JSON, counted in characters. */
export interface ProducerOptions<C = Catalog> extends ConnectionOptions, ProducerLimits {
  /** Source of events that name none. */
  readonly source?: string | undefined;
  /** Declares event types: names, payloads and identities are then checked, at compile time too. */
  readonly catalog?: C | undefined;
  /**
   * What happens where `bufferCountMax` or `bufferBytesMax` is reached. `wait`: `ready()` holds back those who await it
   * while more events are there than fill two batches beyond those under way, so that they never meet the bound; an emit
   * beyond it is UNDELIVERED with `BUFFER_FULL`. `undelivered`: the same
   * without holding anybody back. `drop-oldest`: the event that waits longest is given up with `DROPPED`. Default `wait`.
   * Where it is the outbox that is full, the code is `OUTBOX_FULL`; with `drop-oldest` the new event then waits in memory
   * alone, since space on the disk comes free later.
   */
  readonly overflow?: Overflow | undefined;
  /**
   * Keeps every event until the backend has it: an outbox that is open, such as `await openOutbox({ dir })` of
   * `@pik/sdk/outbox`. What it holds of earlier processes is sent beside the new events. It belongs to this producer alone,
   * which closes it.
   */
  readonly outbox?: Outbox | undefined;
  /**
   * Members of payloads that are not content, as the backend's config declares them: the `event_id` of an event with content
   * identity is then known before it is sent. It changes nothing of what is sent, and without it every result still names
   * the id that the backend gave. Default: none.
   */
  readonly volatile?: readonly VolatileDeclaration[] | undefined;
  /** Sends to `/import`: each emit carries its own `received_at`. Default false. */
  readonly backfill?: boolean | undefined;
  /** Told of every result. What it throws is dropped. */
  readonly onResult?: ((result: EmitResult, emitted: Emitted) => void) | undefined;
  /** Told of the producer's own work, for a debug log. Default: warnings on the console. */
  readonly log?: Log | undefined;
}

/** Counters. emitted = acked + rejected + undelivered + dropped + pending, always. */
export interface ProducerStats {
  readonly emitted: number;
  /** Durable at the backend: ACCEPTED, DUPLICATE or CONFLICT. */
  readonly acked: number;
  readonly rejected: number;
  /** Outcome unknown, or never sent. */
  readonly undelivered: number;
  /** Given up by `drop-oldest`. */
  readonly dropped: number;
  /** Waiting or under way. */
  readonly pending: number;
  /** What the outbox sends apart from these: left by earlier processes, or given up before. Zeros without an outbox. */
  readonly backlog: BacklogStats;
  /**
   * Whether the backend takes events: `FLOWING`; `WAITING` for it to work again; `PAUSED` because it refuses the key, or no
   * request can be made.
   */
  readonly state: ProducerState;
}

/** What waiting calls take. */
export interface WaitOptions {
  /** Stops the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** Sends events to the kit. */
export interface Producer<C = Catalog> {
  /** The id of this instance; its events are counted from 1. */
  readonly producer_id: string;
  /**
   * Takes an event. Never throws because of it and never waits; the payload is captured at once. Null says that the entity
   * was deleted: no schema of the catalog is asked about it, and its key is the one that is passed, if any.
   */
  emit<T extends keyof C & string>(event_type: T, payload: PayloadOf<C, T> | null, options: EmitOptions): Emitted;
  /** Resolves when there is room in the buffer and the outbox: backpressure for those who await it before each emit. */
  ready(): Promise<void>;
  /**
   * Resolves when everything emitted before has its result, at the latest `deadlineMs` after its emit while the backend
   * fails. Rejects with KitError `UNAUTHENTICATED` or `FORBIDDEN` where the backend refuses the key, and with `SEND_FAILED`
   * where no request can be made (in both cases the events are kept); rejects with `ABORTED` when the signal aborts, which
   * unsends nothing. By then the outbox has all of them on its disk, or has said why not (`stored`).
   */
  flush(options?: WaitOptions): Promise<void>;
  /**
   * Flushes; never rejects. What cannot be delivered, or has no result when the signal aborts, is UNDELIVERED. Later emits
   * are UNDELIVERED with `PRODUCER_CLOSED`. Closes the outbox last; what is in it then goes at the next start.
   */
  close(options?: WaitOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  stats(): ProducerStats;
}

/**
 * Makes a producer.
 *
 * @throws KitError `CONFIG_INVALID` for options that cannot be used.
 */
export function createProducer<const C = Catalog>(options: ProducerOptions<C>): Producer<C> {
  return new BatchingProducer<C>(options);
}
