import { type Catalog, KitError, type PayloadOf } from '@pik/schema';
import { v7 } from 'uuid';

import { type Captured, capture, type EmitOptions } from './capture.ts';
import { type ConnectionOptions, connect } from './connection.ts';
import { type Carrier, type Delivery, deliver } from './deliver.ts';
import { createEmitted, type EmitResult, type Emitted, type Settleable } from './emitted.ts';
import { createRetry } from './retry.ts';

/** How a producer works. Every bound has a default; all sizes are of the events' JSON. */
export interface ProducerOptions<C = Catalog> extends ConnectionOptions {
  /** Source of events that name none. */
  readonly source?: string;
  /** Declares event types: names, payloads and identities are then checked, at compile time too. */
  readonly catalog?: C;
  /** Events in one request. Default 500, at most 5,000. */
  readonly batchCountMax?: number;
  /** Bytes in one request before compression. Default 1,000,000. */
  readonly batchBytesMax?: number;
  /** Milliseconds that an event waits for company. Default 200. */
  readonly flushIntervalMs?: number;
  /** Events that may wait or be under way. Beyond it `emit` gives UNDELIVERED with `BUFFER_FULL`. Default 100,000. */
  readonly bufferCountMax?: number;
  /** Bytes that may wait or be under way. Default 64 MiB. */
  readonly bufferBytesMax?: number;
  /** Requests under way at a time. Default 4. */
  readonly requestsInFlightMax?: number;
  /** Milliseconds for one attempt. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** Milliseconds from the first attempt of a batch after which it is given up. Default 60,000. */
  readonly deadlineMs?: number;
  /** Attempts for one batch. Default 20. */
  readonly attemptsMax?: number;
  /** Batches from this size on are gzipped. Default 1,024 bytes. */
  readonly gzipBytesMin?: number;
  /** Sends to `/import`: each emit carries its own `received_at`. Default false. */
  readonly backfill?: boolean;
  /** Told of every result. What it throws is dropped. */
  readonly onResult?: (result: EmitResult) => void;
}

/** Counters. emitted = acked + rejected + undelivered + pending, always. */
export interface ProducerStats {
  readonly emitted: number;
  /** Durable at the backend: ACCEPTED, DUPLICATE or CONFLICT. */
  readonly acked: number;
  readonly rejected: number;
  /** Outcome unknown, or never sent. */
  readonly undelivered: number;
  /** Waiting or under way. */
  readonly pending: number;
}

/** Sends events to the kit. */
export interface Producer<C = Catalog> {
  /** The id of this instance; its events are counted from 1. */
  readonly producer_id: string;
  /** Takes an event. Never throws because of it and never waits; the payload is captured at once. */
  emit<T extends keyof C & string>(event_type: T, payload: PayloadOf<C, T>, options: EmitOptions): Emitted;
  /** Resolves when there is room in the buffer: backpressure for those who await it before each emit. */
  ready(): Promise<void>;
  /** Resolves when everything emitted before has its result. Abort stops the waiting, it unsends nothing. */
  flush(options?: { signal?: AbortSignal }): Promise<void>;
  /** Flushes; later emits are UNDELIVERED with `PRODUCER_CLOSED`. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  stats(): ProducerStats;
}

const DEFAULTS = {
  batchCountMax: 500,
  batchBytesMax: 1_000_000,
  flushIntervalMs: 200,
  bufferCountMax: 100_000,
  bufferBytesMax: 64 * 1024 * 1024,
  requestsInFlightMax: 4,
  requestTimeoutMs: 10_000,
  deadlineMs: 60_000,
  attemptsMax: 20,
  gzipBytesMin: 1_024,
};

type Settings = Required<Pick<ProducerOptions, keyof typeof DEFAULTS>> & Pick<ProducerOptions, 'onResult'>;

interface Waiting {
  readonly seq: number;
  readonly captured: Captured;
  readonly emitted: Settleable;
}

/**
 * Makes a producer.
 *
 * @throws KitError `CONFIG_INVALID` for options that cannot be used.
 */
export function createProducer<const C = Catalog>(options: ProducerOptions<C>): Producer<C> {
  return new BatchingProducer<C>(options);
}

class BatchingProducer<C> implements Producer<C> {
  readonly producer_id = v7();
  readonly #settings: Settings;
  readonly #carrier: Carrier;
  readonly #source: string | undefined;
  readonly #catalog: Catalog | undefined;
  readonly #counts = { acked: 0, rejected: 0, undelivered: 0 };
  #seq = 0;
  #emitted = 0;
  #queue: Waiting[] = [];
  #queueBytes = 0;
  #heldCount = 0;
  #heldBytes = 0;
  /** The first sequence number of each batch under way. */
  readonly #flights = new Set<number>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** Somebody waits for a result: the timer must then keep the process alive until it fires. */
  #awaited = false;
  #closed = false;
  #changed: (() => void)[] = [];

  constructor(options: ProducerOptions<C>) {
    this.#settings = settingsOf(options as ProducerOptions);
    this.#source = options.source;
    this.#catalog = options.catalog as Catalog | undefined;
    const { requestTimeoutMs, gzipBytesMin } = this.#settings;
    const path = options.backfill === true ? ('/import' as const) : ('/ingest' as const);
    const transport = { call: connect(options), path, requestTimeoutMs, gzipBytesMin };
    this.#carrier = { transport, retry: createRetry(this.#settings) };
  }

  emit<T extends keyof C & string>(eventType: T, payload: PayloadOf<C, T>, options: EmitOptions): Emitted {
    this.#emitted += 1;
    if (this.#closed) return this.#refused('UNDELIVERED', new KitError('PRODUCER_CLOSED'));
    const { bufferCountMax, bufferBytesMax } = this.#settings;
    if (this.#heldCount >= bufferCountMax || this.#heldBytes >= bufferBytesMax)
      return this.#refused('UNDELIVERED', new KitError('BUFFER_FULL'));
    let captured: Captured;
    try {
      const stamp = { producer_id: this.producer_id, seq: this.#seq + 1, source: this.#source, catalog: this.#catalog };
      captured = capture(eventType, payload, { options, stamp });
    } catch (error) {
      return this.#refused(
        'REJECTED',
        KitError.is(error) ? error : new KitError('EVENT_NOT_SERIALIZABLE', undefined, { cause: error }),
      );
    }
    // Only events that leave take a number, so that the backend sees a gap only where something was lost.
    this.#seq += 1;
    const emitted = createEmitted(captured.eventId, () => this.#await());
    this.#hold({ seq: this.#seq, captured, emitted });
    return emitted;
  }

  ready(): Promise<void> {
    const { bufferCountMax, bufferBytesMax } = this.#settings;
    return this.#until(() => this.#closed || (this.#heldCount < bufferCountMax && this.#heldBytes < bufferBytesMax));
  }

  async flush({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    signal?.throwIfAborted();
    const target = this.#seq;
    this.#dispatch(true);
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(new KitError('ABORTED', undefined, { cause: signal.reason })), {
        once: true,
      });
    });
    const done = this.#until(() => {
      if (this.#isWaiting(target)) this.#dispatch(true);
      return !this.#isWaiting(target) && ![...this.#flights].some((firstSeq) => firstSeq <= target);
    });
    await (signal === undefined ? done : Promise.race([done, aborted]));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#notify();
    await this.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  stats(): ProducerStats {
    return { emitted: this.#emitted, ...this.#counts, pending: this.#heldCount };
  }

  #refused(status: 'REJECTED' | 'UNDELIVERED', error: KitError): Emitted {
    const emitted = createEmitted(() => null);
    const result: EmitResult =
      status === 'UNDELIVERED'
        ? undelivered(null, error)
        : { status, event_id: null, lag_ms: null, raw_key: null, line: 0, code: error.code, detail: error.message };
    this.#settle(emitted, result);
    return emitted;
  }

  #hold(waiting: Waiting): void {
    this.#queue.push(waiting);
    this.#queueBytes += waiting.captured.bytes;
    this.#heldCount += 1;
    this.#heldBytes += waiting.captured.bytes;
    if (this.#queue.length >= this.#settings.batchCountMax || this.#queueBytes >= this.#settings.batchBytesMax)
      this.#dispatch(false);
    else this.#arm();
  }

  #await(): void {
    this.#awaited = true;
    (this.#timer as { ref?: () => void } | null)?.ref?.();
  }

  /** The timer must not keep a process alive that has nothing else to do; `close` is there for the rest. */
  #arm(): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#dispatch(true);
    }, this.#settings.flushIntervalMs);
    if (!this.#awaited) (this.#timer as { unref?: () => void }).unref?.();
  }

  #isWaiting(target: number): boolean {
    const first = this.#queue[0];
    return first !== undefined && first.seq <= target;
  }

  /** Sends what may go now: full batches, or everything when `all`. */
  #dispatch(all: boolean): void {
    while (this.#flights.size < this.#settings.requestsInFlightMax && this.#queue.length > 0) {
      const full =
        this.#queue.length >= this.#settings.batchCountMax || this.#queueBytes >= this.#settings.batchBytesMax;
      if (!all && !full) break;
      void this.#deliver(this.#takeBatch());
    }
    if (this.#queue.length > 0) this.#arm();
  }

  #takeBatch(): Waiting[] {
    const { batchCountMax, batchBytesMax } = this.#settings;
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length && count < batchCountMax && (count === 0 || bytes < batchBytesMax)) {
      bytes += this.#queue[count]?.captured.bytes ?? 0;
      count += 1;
    }
    this.#queueBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  async #deliver(batch: Waiting[]): Promise<void> {
    const firstSeq = batch[0]?.seq ?? 0;
    this.#flights.add(firstSeq);
    await this.#send(batch, new Date().toISOString()).catch((error: unknown) => {
      // Nothing there may throw; if it does, no event may be left without a result.
      const cause = KitError.is(error) ? error : new KitError('INTERNAL', String(error), { cause: error });
      for (const waiting of batch) this.#release(waiting, cause);
    });
    this.#flights.delete(firstSeq);
    this.#dispatch(false);
    this.#notify();
  }

  #send(batch: readonly Waiting[], sentAt: string): Promise<void> {
    const lines = batch.map(({ captured }) => `${captured.head},"sent_at":"${sentAt}"}`);
    const eventIds = batch.map(({ captured }) => captured.eventId());
    return deliver(this.#carrier, {
      lines,
      eventIds,
      settle: (place, delivery) => this.#release(batch[place] as Waiting, delivery),
    });
  }

  readonly #released = new WeakSet<Waiting>();

  #release(waiting: Waiting, delivery: Delivery): void {
    if (this.#released.has(waiting)) return;
    this.#released.add(waiting);
    this.#heldCount -= 1;
    if (this.#heldCount === 0) this.#awaited = false;
    this.#heldBytes -= waiting.captured.bytes;
    this.#settle(
      waiting.emitted,
      KitError.is(delivery) ? undelivered(waiting.emitted.event_id, delivery) : (delivery as EmitResult),
    );
  }

  #settle(emitted: Settleable, result: EmitResult): void {
    if (result.status === 'UNDELIVERED') this.#counts.undelivered += 1;
    else if (result.status === 'REJECTED') this.#counts.rejected += 1;
    else this.#counts.acked += 1;
    emitted.settle(result);
    try {
      this.#settings.onResult?.(result);
    } catch {
      // A faulty hook must not cost an event its result.
    }
  }

  #until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const check = () => {
        if (holds()) resolve();
        else this.#changed.push(check);
      };
      this.#changed.push(check);
    });
  }

  #notify(): void {
    for (const check of this.#changed.splice(0)) check();
  }
}

function undelivered(event_id: string | null, { code, message }: KitError): EmitResult {
  return { status: 'UNDELIVERED', event_id, code, detail: message };
}

function settingsOf(options: ProducerOptions): Settings {
  const settings: Record<string, unknown> = { ...DEFAULTS, onResult: options.onResult };
  for (const name of Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]) {
    const value = options[name];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || value < (name === 'flushIntervalMs' || name === 'gzipBytesMin' ? 0 : 1)) {
      throw new KitError('CONFIG_INVALID', `${name} must be a whole number from 1`, { path: `/${name}` });
    }
    settings[name] = value;
  }
  return settings as unknown as Settings;
}
