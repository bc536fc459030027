import { type Catalog, KitError, type PayloadOf, runOutside, runOwnWork } from '@pik/schema/events';
import { v7 } from 'uuid';
import { createAttempts } from '../connection/retry.ts';
import { Timers } from '../connection/timers.ts';
import type { Outbox } from '../outbox/outbox-port.ts';
import { Accounts } from './accounts.ts';
import type { BacklogStats } from './backlog.ts';
import { Captured, type EmitOptions, frameOf } from './capture.ts';
import { type Carrier, type Delivery, deliver } from './deliver.ts';
import { Gate } from './gate.ts';
import { Keeper } from './keeper.ts';
import { consoleLog, guardedLog, type Log } from './log.ts';
import { openPost, type Post } from './post.ts';
import type { Producer, ProducerOptions, ProducerStats, WaitOptions } from './producer.ts';
import { type Batch, eventsOf, firstOf, Queue } from './queue.ts';
import { ReportSent } from './report.ts';
import { type Emitted, rejected, Sent, undelivered } from './sent.ts';
import { SeriesCache } from './series.ts';
import { type Settings, settingsOf } from './settings.ts';
import { UnknownOptions } from './unknown-options.ts';
import { Waiters } from './waiters.ts';

/** Those who wait for `ready` find room while fewer events are there than so many batches beyond those under way. */
const READY_BATCHES = 2;
/** How often a producer that closes tries to say so. */
const CLOSING_REPORTS_MAX = 4;

const NO_OPTIONS = {} as EmitOptions;
const NO_BACKLOG: BacklogStats = { taken: 0, acked: 0, rejected: 0, undelivered: 0, pending: 0 };

/** Events that were captured wait in a queue, leave it as batches, and have their result when their batch has its answer. */
export class BatchingProducer<C> implements Producer<C> {
  readonly producer_id = v7();
  readonly #settings: Settings;
  /** For what is said within a call of `emit`: it runs in the caller's async context, that of the carrier in none. */
  readonly #log: Log;
  readonly #timers = new Timers();
  readonly #waiters = new Waiters();
  readonly #accounts: Accounts;
  readonly #carrier: Carrier;
  readonly #queue: Queue;
  readonly #series: SeriesCache;
  readonly #flights = new Set<Batch>();
  readonly #keeper: Keeper | null;
  readonly #unknown: UnknownOptions;
  #seq = 0;
  #heldCount = 0;
  #heldChars = 0;
  /** Events up to this number do not wait for company. */
  #flushSeq = 0;
  #isDue = false;
  #callOffTimer: (() => void) | null = null;
  #isAwaited = false;
  #closing: Promise<void> | null = null;
  #closedMs = Number.POSITIVE_INFINITY;

  /** @param post The way of its batches, for one that has no backend of its own. */
  constructor(options: ProducerOptions<C>, post: Post = openPost(options)) {
    const settings = settingsOf(options);
    this.#log = guardedLog(options.log ?? consoleLog());
    const log: Log = (entry) => runOutside(() => this.#log(entry));
    const { requestTimeoutMs, gzipBytesMin } = settings;
    const path = options.backfill === true ? ('/import' as const) : ('/ingest' as const);
    this.#settings = settings;
    this.#unknown = new UnknownOptions(log);
    this.#accounts = new Accounts(options.onResult);
    this.#series = new SeriesCache({ ...options, catalog: options.catalog as Catalog | undefined });
    this.#queue = new Queue(settings, () => this.#timers.now());
    this.#carrier = {
      transport: { post, path, requestTimeoutMs, gzipBytesMin },
      timers: this.#timers,
      gate: new Gate({ timers: this.#timers, pauses: true, onClosed: () => this.#waiters.notify(), log }),
      attempts: createAttempts(settings.attemptsMax),
      log,
    };
    this.#keeper = options.outbox === undefined ? null : this.#keeperOf(options.outbox);
  }

  /** Who has no types may leave the options out, and is told what is missing. */
  emit<T extends keyof C & string>(eventType: T, payload: PayloadOf<C, T> | null, options = NO_OPTIONS): Emitted {
    this.#accounts.countEmit();
    if (this.#isClosed && this.#keeper === null) return this.#refuseClosed();
    const isFull = this.#isFull && !this.#isClosed;
    const isDropping = this.#settings.overflow === 'drop-oldest';
    if (isFull && !isDropping && this.#keeper === null) return this.#refuseForRoom();
    let captured: Captured;
    try {
      this.#unknown.check(options);
      captured = new Captured(this.#series.get(options.source, eventType), payload, options);
    } catch (cause) {
      const error = KitError.is(cause) ? cause : new KitError('EVENT_NOT_SERIALIZABLE', undefined, { cause });
      return this.#refuse(error, 'rejected');
    }
    if (isFull && isDropping && !this.#dropOldest()) return this.#refuseForRoom();
    const sent = new Sent(this, captured, this.#seq + 1);
    this.#accounts.noteCaller(sent);
    const refused = this.#keep(sent, captured);
    if (refused !== null) return refused;
    this.#seq += 1;
    if (this.#isClosed || (isFull && !isDropping)) return this.#spill(sent);
    this.#hold(sent);
    return sent;
  }

  async ready(): Promise<void> {
    if (this.#settings.overflow !== 'wait') return;
    if (!this.#hasRoom) await this.#held(() => this.#waiters.until(() => this.#isClosed || this.#hasRoom));
    const keeper = this.#keeper;
    if (keeper !== null) await this.#held(() => keeper.ready());
  }

  async flush({ signal }: WaitOptions = {}): Promise<void> {
    const { gate } = this.#carrier;
    const target = this.#seq;
    this.#flushSeq = Math.max(this.#flushSeq, target);
    this.#report();
    const stored = this.#keeper?.flush();
    const isOver = () => firstOf('firstSeq', this.#queue, this.#flights) > target;
    await this.#held(async () => {
      while (!isOver() && !signal?.aborted && (await this.#settledOrRefused(isOver, signal)));
    });
    if (!signal?.aborted) await stored;
    if (isOver()) return;
    if (signal?.aborted) throw new KitError('ABORTED', undefined, { cause: signal.reason });
    throw gate.closedBy ?? new KitError('INTERNAL');
  }

  close({ signal }: WaitOptions = {}): Promise<void> {
    if (this.#closing === null) {
      this.#closedMs = this.#timers.now();
      this.#closing = runOwnWork(() => this.#held(() => this.#close()));
      this.#waiters.notify();
    }
    const stop = () => this.#carrier.gate.stop(new KitError('ABORTED', undefined, { cause: signal?.reason }));
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
    return this.#closing.finally(() => signal?.removeEventListener('abort', stop));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  stats(): ProducerStats {
    const backlog = this.#keeper?.backlog.stats ?? NO_BACKLOG;
    return { ...this.#accounts.counts, pending: this.#heldCount, backlog, state: this.#carrier.gate.state };
  }

  stored(position: number): Promise<KitError | null> {
    return this.#keeper?.stored(position) ?? Promise.resolve(new KitError('INTERNAL'));
  }

  /** Somebody waits for a result: until all is settled, the timers keep the process alive. */
  onAwaited(): void {
    if (this.#isAwaited || this.#heldCount === 0) return;
    this.#isAwaited = true;
    this.#timers.hold();
  }

  get #isFull(): boolean {
    const { bufferCountMax, bufferBytesMax } = this.#settings;
    return this.#heldCount >= bufferCountMax || this.#heldChars >= bufferBytesMax;
  }

  /** What the requests need to be kept busy is there already, so that those who wait for room cost no speed. */
  get #hasRoom(): boolean {
    const { batchCountMax, batchBytesMax, requestsInFlightMax } = this.#settings;
    const batches = requestsInFlightMax + READY_BATCHES;
    return !this.#isFull && this.#heldCount < batches * batchCountMax && this.#heldChars < batches * batchBytesMax;
  }

  #refuse(error: KitError, counter: 'rejected' | 'undelivered'): Emitted {
    const sent = new Sent(this, null, 0);
    sent.storage = error;
    this.#accounts.settle(sent, counter === 'rejected' ? rejected(error) : undelivered(null, error), counter);
    return sent;
  }

  /** It takes a number all the same: the backend then learns that there was an event. */
  #refuseForRoom(error: KitError = new KitError('BUFFER_FULL')): Emitted {
    this.#seq += 1;
    this.#accounts.gaps.add('dropped', this.#seq);
    this.#log({ level: 'warn', event: 'dropped', count: 1, code: error.code });
    return this.#refuse(error, 'undelivered');
  }

  /** Hands an event to the outbox; gives the refused event where it goes no further. */
  #keep(sent: Sent, captured: Captured): Emitted | null {
    const error = this.#keeper?.keep(sent, captured) ?? null;
    if (error === null) return null;
    if (error.code === 'EVENT_TOO_LARGE') return this.#refuse(error, 'rejected');
    if (this.#isClosed) return this.#refuseClosed();
    if (error.code !== 'OUTBOX_FULL' || this.#settings.overflow !== 'drop-oldest') return this.#refuseForRoom(error);
    // Its space comes free later: until then the newest wait in memory alone.
    this.#dropOldest();
    return null;
  }

  /** Too late, and with no outbox to keep it. */
  #refuseClosed(): Emitted {
    const error = new KitError('PRODUCER_CLOSED');
    this.#log({ level: 'warn', event: 'dropped', count: 1, code: error.code });
    return this.#refuse(error, 'undelivered');
  }

  /** The outbox has it, but nobody waits for its result: there is no room, or the producer is closed. */
  #spill(sent: Sent): Emitted {
    const [code, why] = this.#isClosed
      ? ([
          'PRODUCER_CLOSED',
          'The producer was closed; the outbox keeps the event, and the next start sends it.',
        ] as const)
      : (['BUFFER_FULL', "The producer's buffer is full; the outbox keeps the event and sends it later."] as const);
    const error = new KitError(code, why);
    this.#accounts.settle(sent, undelivered(sent.event_id, error), 'undelivered');
    this.#keeper?.backlog.owe();
    return sent;
  }

  #dropOldest(): boolean {
    const sent = this.#queue.dropOldest();
    if (sent === null) return false;
    const error = new KitError('DROPPED');
    this.#accounts.drop(sent, error);
    if (sent instanceof ReportSent) return this.#dropOldest();
    this.#unhold(sent.chars);
    this.#keeper?.forget(sent);
    this.#log({ level: 'warn', event: 'dropped', count: 1, code: error.code });
    return true;
  }

  #hold(sent: Sent): void {
    this.#heldCount += 1;
    this.#heldChars += sent.chars;
    if (this.#queue.push(sent)) this.#dispatch();
    else this.#arm();
  }

  #unhold(chars: number): void {
    this.#heldCount -= 1;
    this.#heldChars -= chars;
    if (this.#heldCount > 0 || !this.#isAwaited) return;
    this.#isAwaited = false;
    this.#timers.release();
  }

  /** The timer must not keep a process alive that has nothing else to do; `close` is there for the rest. */
  #arm(): void {
    this.#callOffTimer ??= this.#timers.after(this.#settings.flushIntervalMs, () => {
      this.#callOffTimer = null;
      this.#isDue = true;
      this.#dispatch();
    });
  }

  /** Sends what may go now: full batches, and others where their time has come. */
  #dispatch(): void {
    const { requestsInFlightMax } = this.#settings;
    while (this.#flights.size < requestsInFlightMax && !this.#queue.isEmpty) {
      const goes = this.#queue.hasFullBatch || this.#isDue || this.#queue.firstSeq <= this.#flushSeq;
      const batch = goes ? this.#queue.take() : null;
      if (batch === null) break;
      void runOwnWork(() => this.#fly(batch));
    }
    if (this.#queue.isEmpty) this.#isDue = false;
    else this.#arm();
  }

  async #fly(batch: Batch): Promise<void> {
    this.#flights.add(batch);
    const { sents } = batch;
    const frame = frameOf(this.producer_id, new Date().toISOString());
    const settlement = this.#keeper?.settlement();
    const settle = (sent: Sent, delivery: Delivery) => {
      const { storage: position } = sent;
      if (typeof position === 'number' && !sent.isSettled)
        settlement?.note({ position, record: sent.record(frame) }, delivery);
      this.#release(sent, delivery);
    };
    const shipment = {
      recordAt: (place: number) => (sents[place] as Sent).record(frame),
      eventIds: sents.map((sent) => sent.event_id),
      deadlineMs: Math.min(batch.cutMs, this.#closedMs) + this.#settings.deadlineMs,
      settle: (place: number, delivery: Delivery) => settle(sents[place] as Sent, delivery),
      // A dead letter of an outbox needs its record once more.
      packed: settlement === undefined ? () => sents.forEach(forget) : undefined,
    };
    await deliver(this.#carrier, shipment).catch((cause: unknown) => {
      // Nothing there may throw; if it does, no event may be left without a result, and not in silence.
      const error = KitError.is(cause) ? cause : new KitError('INTERNAL', String(cause), { cause });
      const { code, message: detail } = error;
      this.#carrier.log({ level: 'warn', event: 'given_up', count: sents.length, code, detail });
      for (const sent of sents) settle(sent, error);
    });
    await settlement?.end();
    this.#flights.delete(batch);
    if (settlement !== undefined && settlement.keptCount > 0) this.#keeper?.backlog.owe();
    // After events, so that a report that nobody takes is not followed by the next one for ever.
    const hadEvents = sents.some(({ seq }) => seq > 0);
    if (hadEvents && !this.#isClosed && this.#carrier.gate.state === 'FLOWING') this.#report();
    this.#dispatch();
    this.#waiters.notify();
  }

  #release(sent: Sent, delivery: Delivery): void {
    if (sent.isSettled) return;
    this.#accounts.release(sent, delivery);
    if (!(sent instanceof ReportSent)) this.#unhold(sent.chars);
  }

  /** Queues a report where there is something to say. */
  #report(): void {
    const closed = this.#isClosed;
    if (this.#seq === 0 || !this.#accounts.owesReport(closed)) return;
    const content = { ...this.#accounts.gaps.take(), last_seq: this.#seq, closed };
    // It is of no request, and has the trace of none.
    this.#queue.push(runOwnWork(() => new ReportSent(this, this.#series.lastSource, content)));
  }

  async #close(): Promise<void> {
    const { gate } = this.#carrier;
    this.#flushSeq = Number.POSITIVE_INFINITY;
    this.#keeper?.backlog.close();
    void this.#keeper?.leave({
      held: () => eventsOf([...this.#flights, ...this.#queue.batches]),
      taken: () => this.#accounts.counts.acked,
      waiters: this.#waiters,
    });
    // What is given up meanwhile, or was not taken, is said again in a further report.
    for (let left = CLOSING_REPORTS_MAX; left > 0 && !gate.stopped.aborted; left--) {
      this.#report();
      await this.#drain();
    }
    await this.#keeper?.endBacklog(this.#waiters);
    gate.stop(new KitError('PRODUCER_CLOSED'));
    this.#waiters.notify();
    await this.#keeper?.close();
  }

  /** Resolves when nothing is left; a key that is refused once more is reason enough to give up. */
  async #drain(): Promise<void> {
    const { gate } = this.#carrier;
    const isIdle = () => this.#isIdle;
    while (!isIdle() && !gate.stopped.aborted) {
      if (!(await this.#settledOrRefused(isIdle))) gate.stop(gate.closedBy ?? new KitError('INTERNAL'));
    }
    await this.#waiters.until(isIdle);
  }

  /**
   * Sends what may go, and waits until it is over, the signal aborts or the key is refused. False where it is refused still:
   * another request of the same moment may have been taken since.
   */
  async #settledOrRefused(isOver: () => boolean, signal?: AbortSignal): Promise<boolean> {
    const { gate } = this.#carrier;
    const { refusals } = gate;
    if (gate.state === 'PAUSED') gate.hurry();
    this.#dispatch();
    await this.#waiters.until(() => isOver() || signal?.aborted === true || gate.refusals > refusals, signal);
    return isOver() || signal?.aborted === true || gate.state !== 'PAUSED';
  }

  get #isClosed(): boolean {
    return this.#closedMs !== Number.POSITIVE_INFINITY;
  }

  get #isIdle(): boolean {
    return this.#queue.isEmpty && this.#flights.size === 0;
  }

  #keeperOf(outbox: Outbox): Keeper {
    return new Keeper(this.producer_id, {
      outbox,
      carrier: this.#carrier,
      limits: this.#settings,
      firstHeld: () => firstOf('firstPosition', this.#queue, this.#flights),
      onIdle: () => this.#waiters.notify(),
    });
  }

  /** While somebody waits, the timers keep the process alive. */
  async #held(work: () => Promise<void>): Promise<void> {
    this.#timers.hold();
    try {
      await work();
    } finally {
      this.#timers.release();
    }
  }
}

function forget(sent: Sent): void {
  sent.captured = null;
}
