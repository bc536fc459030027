import {
  type Catalog,
  KitError,
  type PayloadOf,
  runOutside,
  runOwnWork,
  WRITTEN_DOOR,
  type WrittenDoor,
  type WrittenEvent,
} from '@pik/schema/events';
import { v7 } from 'uuid';
import { createAttempts } from '../connection/retry.ts';
import { Timers } from '../connection/timers.ts';
import type { Outbox } from '../outbox/outbox-port.ts';
import type { AcceptedResults } from './accepted-results.ts';
import { NO_BACKLOG } from './backlog.ts';
import type { Batch } from './batch.ts';
import { capture, captureError, captureWritten, type EmitOptions } from './capture.ts';
import { type Captured, eventIdOf } from './captured.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { DeliveryDeps, DeliveryResult } from './delivery.ts';
import { deliverEvents } from './event-delivery.ts';
import { InlinePoster } from './inline-poster.ts';
import { consoleLog, guardedLog, type Log } from './log.ts';
import { captureReport } from './loss-report.ts';
import { type Emitted, rejected, SettledEvent, undelivered } from './pending-event.ts';
import { openPost } from './post.ts';
import type { Post } from './posting.ts';
import type { Producer, ProducerOptions, ProducerStats, WaitOptions } from './producer.ts';
import { keptError, ProducerOutbox } from './producer-outbox.ts';
import { firstOf, Queue } from './queue.ts';
import { ResultTracker } from './result-tracker.ts';
import { Room } from './room.ts';
import { SeriesCache } from './series.ts';
import { type Settings, settingsOf } from './settings.ts';
import { Signal } from './signal.ts';
import { ProducerPoster } from './thread/producer-poster.ts';
import { UnknownOptions } from './unknown-options.ts';

/** Attempts of a closing producer to deliver its last loss report. */
const CLOSING_REPORTS_MAX = 4;

const NO_OPTIONS = {} as EmitOptions;

/**
 * The producer over a connection. Captured events wait in a queue, leave it in batches, and get their result when the
 * backend has answered their batch.
 */
export class BatchingProducer<C> implements Producer<C> {
  readonly producer_id = v7();
  readonly #settings: Settings;
  /** Log for entries written during `emit`: runs in the caller's async context. The log of `#delivery` runs in none. */
  readonly #log: Log;
  readonly #timers = new Timers();
  readonly #changed = new Signal();
  readonly #results: ResultTracker;
  readonly #delivery: DeliveryDeps;
  /** Chooses the thread of the requests; null if a test has replaced the transport. */
  readonly #poster: ProducerPoster | null;
  readonly #queue: Queue;
  readonly #room: Room;
  readonly #series: SeriesCache;
  readonly #inFlight = new Set<Batch>();
  readonly #outbox: ProducerOutbox | null;
  readonly #unknown: UnknownOptions;
  readonly #hasCallbacks: boolean;
  #seq = 0;
  /** Events up to this sequence number are sent without waiting for a full batch. */
  #flushSeq = 0;
  #isDue = false;
  #cancelTimer: (() => void) | null = null;
  #isAwaited = false;
  #closing: Promise<void> | null = null;
  #closedMs = Number.POSITIVE_INFINITY;

  /** @param testPost Transport of the batches; only for tests. */
  constructor(options: ProducerOptions<C>, testPost?: Post) {
    const settings = settingsOf(options);
    this.#log = guardedLog(options.log ?? consoleLog());
    const log: Log = (entry) => runOutside(() => this.#log(entry));
    this.#settings = settings;
    this.#hasCallbacks = options.onResult !== undefined || options.log !== undefined;
    this.#unknown = new UnknownOptions(log);
    this.#results = new ResultTracker(options.onResult);
    this.#series = new SeriesCache({ ...options, catalog: options.catalog as Catalog | undefined });
    this.#room = new Room(settings);
    this.#queue = new Queue({ limits: settings, owner: this, now: () => this.#timers.now() });
    const inline = new InlinePoster({ ...settings, post: testPost ?? openPost(options) });
    const deps = { connection: options, settings, inline, timers: this.#timers, log };
    this.#poster = testPost === undefined ? new ProducerPoster(deps) : null;
    this.#delivery = {
      poster: this.#poster ?? inline,
      path: options.backfill === true ? '/import' : '/ingest',
      timers: this.#timers,
      breaker: new CircuitBreaker({ timers: this.#timers, pauses: true, onOpened: () => this.#changed.notify(), log }),
      startAttempts: createAttempts(settings.attemptsMax),
      log,
    };
    this.#outbox = options.outbox === undefined ? null : this.#openProducerOutbox(options.outbox);
  }

  /**
   * `options` has a default because JavaScript callers may omit it; the event is then rejected with the missing field.
   */
  emit<T extends keyof C & string>(eventType: T, payload: PayloadOf<C, T> | null, options = NO_OPTIONS): Emitted {
    this.#results.countEmit();
    const unwanted = this.#refuseUnwanted();
    if (unwanted !== null) return unwanted;
    let captured: Captured;
    try {
      this.#unknown.check(options);
      const series = this.#series.get(options.source, eventType);
      // An outbox stores a record as it will be sent.
      const isDeferred = this.#outbox === null && this.#poster?.isElsewhere === true;
      captured = capture({ series, isDeferred }, payload, options);
    } catch (cause) {
      return this.#refuse(captureError(cause), 'rejected');
    }
    return this.#admit(captured);
  }

  /** Null for an object that only stands for this producer, such as a proxy. */
  [WRITTEN_DOOR]() {
    if (!(#seq in this)) return null;
    const door: WrittenDoor = { hasCallbacks: this.#hasCallbacks, emit: (event) => this.#emitWritten(event) };
    return { door, replaces: BatchingProducer.prototype.emit };
  }

  async ready(): Promise<void> {
    if (this.#settings.overflow !== 'wait') return;
    if (!this.#room.isReady)
      await this.#timers.holding(() => this.#changed.until(() => this.#isClosed || this.#room.isReady));
    const outbox = this.#outbox;
    if (outbox !== null) await this.#timers.holding(() => outbox.ready());
  }

  async flush({ signal }: WaitOptions = {}): Promise<void> {
    const { breaker } = this.#delivery;
    const target = this.#seq;
    this.#flushSeq = Math.max(this.#flushSeq, target);
    this.#queueReport();
    const stored = this.#outbox?.flush();
    const isOver = () => firstOf('firstSeq', this.#queue, this.#inFlight) > target;
    await this.#timers.holding(async () => {
      while (!isOver() && !signal?.aborted && (await this.#waitUnlessRefused(isOver, signal)));
    });
    if (!signal?.aborted) await stored;
    if (isOver()) return;
    if (signal?.aborted) throw new KitError('ABORTED', undefined, { cause: signal.reason });
    throw breaker.openedBy ?? new KitError('INTERNAL');
  }

  close({ signal }: WaitOptions = {}): Promise<void> {
    if (this.#closing === null) {
      this.#closedMs = this.#timers.now();
      this.#closing = runOwnWork(() => this.#timers.holding(() => this.#close()));
      this.#changed.notify();
    }
    const stop = () => this.#delivery.breaker.stop(new KitError('ABORTED', undefined, { cause: signal?.reason }));
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
    return this.#closing.finally(() => signal?.removeEventListener('abort', stop));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  stats(): ProducerStats {
    const backlog = this.#outbox?.backlog.stats ?? NO_BACKLOG;
    return { ...this.#results.counts, pending: this.#room.count, backlog, state: this.#delivery.breaker.state };
  }

  stored(position: number): Promise<KitError | null> {
    return this.#outbox?.stored(position) ?? Promise.resolve(new KitError('INTERNAL'));
  }

  /** Called when a result is awaited. The timers keep the process alive until no event is pending. */
  onAwaited(): void {
    if (this.#isAwaited || this.#room.count === 0) return;
    this.#isAwaited = true;
    this.#timers.hold();
  }

  #refuse(error: KitError, counter: 'rejected' | 'undelivered'): Emitted {
    const result = counter === 'rejected' ? rejected(error) : undelivered(null, error);
    return this.#results.settle(new SettledEvent(result, async () => error), [result, counter]);
  }

  #emitWritten(event: WrittenEvent): boolean {
    const captured = captureWritten(this.#series, event);
    if (captured === null) return false;
    this.#results.countEmit();
    return this.#refuseUnwanted() !== null || this.#admit(captured) !== null;
  }

  /** Refuses an event before it is captured: the producer is closed, or full. Null if there is no reason to. */
  #refuseUnwanted(): Emitted | null {
    if (this.#outbox !== null) return null;
    if (this.#isClosed) return this.#refuseClosed();
    return this.#room.isFull && this.#settings.overflow !== 'drop-oldest' ? this.#refuseForRoom() : null;
  }

  /** Takes a captured event. */
  #admit(captured: Captured): Emitted {
    const isFull = this.#room.isFull && !this.#isClosed;
    const isDropping = this.#settings.overflow === 'drop-oldest';
    if (isFull && isDropping && !this.#dropOldest()) return this.#refuseForRoom();
    const refused = this.#store(captured);
    if (refused !== null) return refused;
    this.#seq += 1;
    return this.#isClosed || (isFull && !isDropping) ? this.#leaveInOutbox(captured) : this.#enqueue(captured);
  }

  /** Consumes a sequence number even though the event is dropped, so that the backend can see the gap. */
  #refuseForRoom(error: KitError = new KitError('BUFFER_FULL')): Emitted {
    this.#seq += 1;
    this.#results.gaps.add('dropped', this.#seq);
    this.#log({ level: 'warn', event: 'dropped', count: 1, code: error.code });
    return this.#refuse(error, 'undelivered');
  }

  /** Appends an event to the outbox. Returns null if the producer goes on with it, or the refused event. */
  #store(captured: Captured): Emitted | null {
    const error = this.#outbox?.append(captured, this.#seq + 1) ?? null;
    if (error === null) return null;
    if (error.code === 'EVENT_TOO_LARGE') return this.#refuse(error, 'rejected');
    if (this.#isClosed) return this.#refuseClosed();
    if (error.code !== 'OUTBOX_FULL' || this.#settings.overflow !== 'drop-oldest') return this.#refuseForRoom(error);
    // The outbox frees the space later; until then the new event waits in memory only.
    this.#dropOldest();
    return null;
  }

  /** Refuses an event after `close`, without an outbox to keep it. */
  #refuseClosed(): Emitted {
    const error = new KitError('PRODUCER_CLOSED');
    this.#log({ level: 'warn', event: 'dropped', count: 1, code: error.code });
    return this.#refuse(error, 'undelivered');
  }

  /** Resolves an event that only the outbox keeps, because the buffer is full or the producer is closed. */
  #leaveInOutbox(captured: Captured): Emitted {
    const eventId = eventIdOf(captured, { id: this.producer_id, seq: this.#seq });
    const result = undelivered(eventId, keptError(this.#isClosed));
    this.#outbox?.backlog.retryLater();
    const stored = () => this.stored(captured.storage as number);
    return this.#results.settle(new SettledEvent(result, stored), [result, 'undelivered']);
  }

  #dropOldest(): boolean {
    const oldest = this.#queue.dropOldest();
    if (oldest === null) return false;
    const { batch, index } = oldest;
    const error = new KitError('DROPPED');
    const chars = batch.charsAt(index);
    this.#results.drop(batch, index, error);
    if (batch.reportAt(index) !== null) return this.#dropOldest();
    this.#releaseRoom(chars);
    this.#outbox?.acknowledge(batch.positionAt(index));
    this.#log({ level: 'warn', event: 'dropped', count: 1, code: error.code });
    return true;
  }

  #enqueue(captured: Captured): Emitted {
    this.#room.take(captured.chars);
    const event = this.#queue.push({ captured, seq: this.#seq, caller: this.#results.callerNow() });
    if (this.#queue.hasFullBatch) this.#dispatch();
    else this.#armTimer();
    return event;
  }

  #releaseRoom(chars: number, count?: number): void {
    this.#room.free(chars, count);
    if (this.#room.count > 0 || !this.#isAwaited) return;
    this.#isAwaited = false;
    this.#timers.release();
  }

  /** Starts the timer of a partial batch. It does not keep the process alive; `close` sends the rest. */
  #armTimer(): void {
    this.#cancelTimer ??= this.#timers.after(this.#settings.flushIntervalMs, () => {
      this.#cancelTimer = null;
      this.#isDue = true;
      this.#dispatch();
    });
  }

  /** Sends full batches, and partial ones whose time has come. */
  #dispatch(): void {
    const { requestsInFlightMax } = this.#settings;
    while (this.#inFlight.size < requestsInFlightMax && !this.#queue.isEmpty) {
      const goes = this.#queue.hasFullBatch || this.#isDue || this.#queue.firstSeq <= this.#flushSeq;
      const batch = goes ? this.#queue.take() : null;
      if (batch === null) break;
      void runOwnWork(() => this.#send(batch));
    }
    if (this.#queue.isEmpty) this.#isDue = false;
    else this.#armTimer();
  }

  async #send(batch: Batch): Promise<void> {
    this.#inFlight.add(batch);
    const retainedCount = await deliverEvents(batch, {
      delivery: this.#delivery,
      deadlineMs: Math.min(batch.closedMs, this.#closedMs) + this.#settings.deadlineMs,
      acks: this.#outbox?.newAcks() ?? null,
      release: (index, result) => this.#release(batch, index, result),
      accept: (results) => this.#accept(batch, results),
    });
    this.#inFlight.delete(batch);
    if (retainedCount > 0) this.#outbox?.backlog.retryLater();
    // Only after a batch with events: otherwise a report that the backend refuses would trigger the next one for ever.
    if (batch.hasEvents && !this.#isClosed && this.#delivery.breaker.state === 'FLOWING') this.#queueReport();
    this.#dispatch();
    this.#changed.notify();
  }

  #release(batch: Batch, index: number, result: DeliveryResult): void {
    const chars = batch.charsAt(index);
    this.#results.release(batch, index, result);
    if (batch.reportAt(index) === null) this.#releaseRoom(chars);
  }

  #accept(batch: Batch, results: AcceptedResults): boolean {
    const { chars, count } = batch;
    if (!this.#results.acceptAll(batch, results)) return false;
    this.#releaseRoom(chars, count);
    return true;
  }

  /** Queues a loss report if there is anything to report. */
  #queueReport(): void {
    const closed = this.#isClosed;
    if (this.#seq === 0 || !this.#results.needsReport(closed)) return;
    const content = { ...this.#results.gaps.take(), last_seq: this.#seq, closed };
    // Runs outside any request, so that the report carries no trace context.
    const report = runOwnWork(() => captureReport(this.producer_id, this.#series.lastSource, content));
    this.#queue.pushReport(report, content);
  }

  async #close(): Promise<void> {
    const { breaker } = this.#delivery;
    this.#flushSeq = Number.POSITIVE_INFINITY;
    this.#outbox?.backlog.close();
    void this.#outbox?.stopIfStalled({
      held: () => [...this.#inFlight, ...this.#queue.batches].flatMap(({ storedOfAll }) => storedOfAll),
      taken: () => this.#results.counts.acked,
      changed: this.#changed,
    });
    // Losses during one attempt go into the report of the next.
    for (let left = CLOSING_REPORTS_MAX; left > 0 && !breaker.stopped.aborted; left--) {
      this.#queueReport();
      await this.#drain();
    }
    await this.#outbox?.finishBacklog(this.#changed);
    breaker.stop(new KitError('PRODUCER_CLOSED'));
    this.#changed.notify();
    await this.#outbox?.close();
    this.#poster?.close();
  }

  /** Resolves when no event is pending. Gives up once the key is refused again. */
  async #drain(): Promise<void> {
    const { breaker } = this.#delivery;
    const isIdle = () => this.#queue.isEmpty && this.#inFlight.size === 0;
    while (!isIdle() && !breaker.stopped.aborted) {
      if (!(await this.#waitUnlessRefused(isIdle))) breaker.stop(breaker.openedBy ?? new KitError('INTERNAL'));
    }
    await this.#changed.until(isIdle);
  }

  /**
   * Sends what may go out, and waits until `isOver`, the signal aborts or the key is refused. Returns false if it is
   * still refused: another request may have succeeded in the meantime.
   */
  async #waitUnlessRefused(isOver: () => boolean, signal?: AbortSignal): Promise<boolean> {
    const { breaker } = this.#delivery;
    const { refusals } = breaker;
    if (breaker.state === 'PAUSED') breaker.retryNow();
    this.#dispatch();
    await this.#changed.until(() => isOver() || signal?.aborted === true || breaker.refusals > refusals, signal);
    return isOver() || signal?.aborted === true || breaker.state !== 'PAUSED';
  }

  get #isClosed(): boolean {
    return this.#closedMs !== Number.POSITIVE_INFINITY;
  }

  #openProducerOutbox(outbox: Outbox): ProducerOutbox {
    return new ProducerOutbox(this.producer_id, {
      outbox,
      delivery: this.#delivery,
      limits: this.#settings,
      firstHeld: () => firstOf('firstPosition', this.#queue, this.#inFlight),
      onIdle: () => this.#changed.notify(),
    });
  }
}
