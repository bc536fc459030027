import type { Catalog, PayloadOf, VolatileDeclaration } from '@pik/schema/events';
import type { ConnectionOptions } from '../connection/connection.ts';
import type { Outbox } from '../outbox/outbox-port.ts';
import type { BacklogStats } from './backlog.ts';
import type { EmitOptions } from './capture.ts';
import type { ProducerState } from './circuit-breaker.ts';
import type { Log } from './log.ts';
import type { EmitResult, Emitted } from './pending-event.ts';
import type { Overflow, ProducerLimits, ThreadMode } from './settings.ts';

/** Options of a producer. All sizes are of the events' JSON, counted in characters. */
export interface ProducerOptions<C = Catalog> extends ConnectionOptions, ProducerLimits {
  /** Source of events that do not name one. */
  readonly source?: string | undefined;
  /** Declares event types. Names, payloads and identities are then checked, also at compile time. */
  readonly catalog?: C | undefined;
  /**
   * Behavior when `bufferCountMax` or `bufferBytesMax` is reached.
   *
   * - `'wait'` (default): `ready()` resolves only while fewer than two batches are buffered beyond those in flight. If
   *   you emit without awaiting `ready()` and the buffer is full, the event is UNDELIVERED with `BUFFER_FULL`.
   * - `'undelivered'`: the same, but `ready()` never waits.
   * - `'drop-oldest'`: the oldest waiting event is given up with `DROPPED`.
   *
   * If the outbox is full, the code is `OUTBOX_FULL`. With `'drop-oldest'` the new event then waits in memory only,
   * because space on the disk is freed later.
   */
  readonly overflow?: Overflow | undefined;
  /**
   * Keeps every event on disk until the backend has it: an open outbox, such as `await openOutbox({ dir })` of
   * `@pik/sdk/outbox`. The producer also sends what earlier processes left in it. The outbox belongs to this producer,
   * which closes it.
   */
  readonly outbox?: Outbox | undefined;
  /**
   * Volatile members of payloads, as declared in the backend's config. With them the producer knows the `event_id` of
   * an event with content identity before sending. They change nothing in what is sent; without them every result still
   * names the backend's id. Default: none.
   */
  readonly volatile?: readonly VolatileDeclaration[] | undefined;
  /**
   * Where the work of a producer is done that an emit does not wait for: identities, encoding, compression, requests and
   * answers. Results, ids and sent bytes are the same everywhere.
   *
   * - `'auto'` (default): on Node in a worker thread, once events come so fast that it pays: 1,000 per second for three
   *   seconds, or 250 with an outbox. Not on AWS Lambda and not in tests.
   * - `'always'`: in a worker thread from the start.
   * - `'never'`: in the thread of the caller.
   *
   * All producers of a process share one thread. Where none can run, the producer works without one, and `log` reports
   * `thread_unavailable` once.
   */
  readonly thread?: ThreadMode | undefined;
  /** Sends to `/import`: each emit carries its own `received_at`. Default: false. */
  readonly backfill?: boolean | undefined;
  /** Called with every result. Exceptions that it throws are ignored. */
  readonly onResult?: ((result: EmitResult, emitted: Emitted) => void) | undefined;
  /** Receives the producer's log entries. Default: prints warnings on the console. */
  readonly log?: Log | undefined;
}

/** Counters. Invariant: emitted = acked + rejected + undelivered + dropped + pending. */
export interface ProducerStats {
  readonly emitted: number;
  /** Durable at the backend: ACCEPTED, DUPLICATE or CONFLICT. */
  readonly acked: number;
  readonly rejected: number;
  /** Events with an unknown outcome, or never sent. */
  readonly undelivered: number;
  /** Events given up by `drop-oldest`. */
  readonly dropped: number;
  /** Events that wait or are in flight. */
  readonly pending: number;
  /**
   * Records that the outbox sends apart from these events: left by earlier processes, or given up before. Zeros without
   * an outbox.
   */
  readonly backlog: BacklogStats;
  /**
   * Whether the backend takes events. `FLOWING`: it does. `WAITING`: it fails, and the producer retries. `PAUSED`: it
   * refuses the key, or no request can be made.
   */
  readonly state: ProducerState;
}

/** Options of methods that wait. */
export interface WaitOptions {
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

/** Sends events to the kit. Create one with {@link createProducer}. */
export interface Producer<C = Catalog> {
  /** Id of this instance; its events are numbered from 1. */
  readonly producer_id: string;
  /**
   * Takes an event and captures its payload at once. Never waits, and never throws because of the event. A null payload
   * reports that the entity was deleted: the catalog's schema and identity do not apply, and the event has a key only
   * if you pass one.
   */
  emit<T extends keyof C & string>(event_type: T, payload: PayloadOf<C, T> | null, options: EmitOptions): Emitted;
  /** Resolves when the buffer and the outbox have room. Await it before each emit to get backpressure. */
  ready(): Promise<void>;
  /**
   * Resolves when every event emitted before has its result; if the backend fails, at most `deadlineMs` after the emit.
   * By then the outbox has the events on disk, or `stored` has the reason why not.
   *
   * Rejects with KitError `UNAUTHENTICATED` or `FORBIDDEN` if the backend refuses the key, and with `SEND_FAILED` if no
   * request can be made; the events are kept in both cases. Rejects with `ABORTED` when the signal aborts, which does
   * not recall what was sent.
   */
  flush(options?: WaitOptions): Promise<void>;
  /**
   * Flushes, then closes the outbox. Never rejects. Events that cannot be delivered, or have no result when the signal
   * aborts, are UNDELIVERED; later emits are UNDELIVERED with `PRODUCER_CLOSED`. The next start sends what is left in
   * the outbox.
   */
  close(options?: WaitOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  stats(): ProducerStats;
}
