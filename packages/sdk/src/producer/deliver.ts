import { type IngestResult, KitError } from '@pik/schema/events';

import { sendError } from '../connection/connection.ts';
import type { Attempts } from '../connection/retry.ts';
import type { Timers } from '../connection/timers.ts';
import { type Gate, needsMending } from './gate.ts';
import type { Log, LogEntry } from './log.ts';
import type { Results } from './results.ts';
import { type Framing, fromWire, sendBatch, type TransportOptions, toWire, type WireBatch } from './transport.ts';

/** A result that the backend gave, or why there is none. */
export type Delivery = IngestResult | KitError;

/** Records on their way: their texts, their ids where known, and who is told what became of each. */
export interface Shipment {
  /** The record at a place; the same text or bytes whenever it is asked for. */
  readonly recordAt: (place: number) => string | Uint8Array;
  readonly eventIds: readonly (string | null)[];
  /** Default: by lines. */
  readonly framing?: Framing | undefined;
  /** The path for the records of these places. Default: that of the transport. */
  readonly pathOf?: ((places: readonly number[]) => TransportOptions['path']) | undefined;
  /** When records that were refused for a passing reason are given up, by the clock of the carrier's timers. */
  readonly deadlineMs: number;
  /** Called once per record, by its place. */
  readonly settle: (place: number, delivery: Delivery) => void;
  /** Called once all records are in the bytes of a request. From then on they are not asked for, and need not be kept. */
  readonly packed?: (() => void) | undefined;
}

/** The way to the backend. */
export interface Carrier {
  readonly transport: TransportOptions;
  readonly timers: Timers;
  readonly gate: Gate;
  readonly attempts: () => Attempts;
  readonly log: Log;
}

const TOO_LARGE = new Set(['BODY_TOO_LARGE', 'TOO_MANY_EVENTS', 'EVENT_TOO_LARGE']);
/** The body did not arrive as it was sent; the same bytes may do better. */
const BROKEN_ON_THE_WAY = new Set(['CLIENT_GONE', 'ENCODING_INVALID', 'BODY_EMPTY']);

/**
 * Sends records until each has its result or is given up. A repeat sends the same bytes; records that are PENDING, or that
 * the answer does not name, are sent again without the others; what is too large together goes in halves.
 */
export function deliver(carrier: Carrier, shipment: Shipment): Promise<void> {
  return new Course(carrier, shipment).run(shipment.eventIds.map((_, place) => place));
}

/** The attempts at the records of some places. */
class Course {
  readonly #carrier: Carrier;
  readonly #shipment: Shipment;
  /** All records as they were packed first, where nobody else keeps them. */
  #packed: WireBatch | null = null;
  #unpacked: Promise<Uint8Array[]> | null = null;

  constructor(carrier: Carrier, shipment: Shipment) {
    this.#carrier = carrier;
    this.#shipment = shipment;
  }

  async run(places: readonly number[]): Promise<void> {
    const { gate, attempts } = this.#carrier;
    const course = attempts();
    let open = places;
    let wire: WireBatch | null = null;
    for (;;) {
      const refusal = await gate.pass(this.#shipment.deadlineMs);
      if (refusal !== null) return this.#giveUp(open, refusal);
      const answer = await this.#attempt(open, async () => {
        wire ??= await this.#wire(open);
        return wire;
      });
      let error: KitError;
      if (KitError.is(answer)) {
        error = answer;
        if (TOO_LARGE.has(error.code)) return this.#split(open, error);
      } else {
        const left = this.#settle(open, answer);
        if (left.length < open.length) {
          course.succeeded();
          wire = null;
        }
        if (left.length === 0) return;
        open = left;
        error = new KitError('PENDING');
      }
      if (!(await this.#mayRepeat(error, course))) return this.#giveUp(open, error);
    }
  }

  async #wire(places: readonly number[]): Promise<WireBatch> {
    const { eventIds, framing, packed } = this.#shipment;
    const ids = places.length === eventIds.length ? eventIds : places.map((place) => eventIds[place] as string | null);
    const record = await this.#records();
    const records = { count: places.length, framing, recordAt: (i: number) => record(places[i] as number) };
    const wire = await toWire(records, ids, this.#carrier.transport.gzipBytesMin);
    if (packed !== undefined && this.#packed === null) {
      this.#packed = wire;
      packed();
    }
    return wire;
  }

  async #records(): Promise<Shipment['recordAt']> {
    if (this.#packed === null) return this.#shipment.recordAt;
    this.#unpacked ??= fromWire(this.#packed);
    const records = await this.#unpacked;
    return (place) => records[place] as Uint8Array;
  }

  /** Whatever goes wrong takes one road: an error that is none of the kit's must neither be silent nor cost an event. */
  async #attempt(places: readonly number[], pack: () => Promise<WireBatch>): Promise<Results | KitError> {
    const { transport, gate, log } = this.#carrier;
    let about: Pick<LogEntry, 'count' | 'bytes'> = {};
    try {
      const wire = await pack();
      about = { count: wire.eventIds.length, bytes: wire.body.length };
      const { pathOf } = this.#shipment;
      const way = pathOf === undefined ? transport : { ...transport, path: pathOf(places) };
      const results = await sendBatch(way, wire, gate.stopped);
      gate.succeeded();
      log({ level: 'debug', event: 'sent', ...about });
      return results;
    } catch (cause) {
      const error = sendError(cause);
      log({ level: 'debug', event: 'failed', ...about, code: error.code, detail: error.message });
      if (isPassing(error) || needsMending(error)) gate.failed(error);
      else gate.succeeded();
      return error;
    }
  }

  /** Tells each record its outcome; gives the places that have none yet. */
  #settle(places: readonly number[], results: Results): number[] {
    const left: number[] = [];
    for (let i = 0; i < places.length; i++) {
      const place = places[i] as number;
      const result = results[i];
      if (result == null || result.status === 'PENDING') left.push(place);
      else this.#shipment.settle(place, result);
    }
    return left;
  }

  /** Waits as long as the failure asks for; false where nothing further will be tried. */
  async #mayRepeat(error: KitError, course: Attempts): Promise<boolean> {
    const { gate, timers } = this.#carrier;
    if (gate.stopped.aborted) return false;
    if (gate.keeps(error)) return true;
    const leftMs = this.#shipment.deadlineMs - timers.now();
    if (!isPassing(error) || leftMs <= 0) return false;
    const next = course.failed(error);
    if (next === null) return false;
    // Behind a closed gate it is the gate that says when.
    if (gate.state === 'FLOWING') await timers.wait(Math.min(next.delayMs, leftMs), gate.stopped);
    return true;
  }

  /** What is too large alone is too large for ever. */
  async #split(places: readonly number[], error: KitError): Promise<void> {
    if (places.length === 1) return this.#giveUp(places, new KitError('EVENT_TOO_LARGE', error.message));
    this.#carrier.log({ level: 'debug', event: 'split', count: places.length, code: error.code });
    const half = Math.ceil(places.length / 2);
    await this.run(places.slice(0, half));
    await this.run(places.slice(half));
  }

  #giveUp(places: readonly number[], error: KitError): void {
    this.#carrier.log({
      level: 'warn',
      event: 'given_up',
      count: places.length,
      code: error.code,
      detail: error.message,
    });
    for (const place of places) this.#shipment.settle(place, error);
  }
}

/** Whether the same bytes may be taken later. */
function isPassing(error: KitError): boolean {
  return error.retryable || BROKEN_ON_THE_WAY.has(error.code);
}
