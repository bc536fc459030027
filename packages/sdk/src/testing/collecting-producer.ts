import { type Catalog, canonicalizeLive, type ErrorCode, type PayloadOf } from '@pik/schema/events';

import { BatchingProducer } from '../producer/batching-producer.ts';
import type { EmitOptions } from '../producer/capture.ts';
import type { EmitResult, Emitted } from '../producer/pending-event.ts';
import type { Producer, ProducerOptions, ProducerStats, WaitOptions } from '../producer/producer.ts';
import { type Answers, memoryBackend } from './memory-backend.ts';

/** An event that the code under test emitted. */
export interface CollectedEvent extends Omit<EmitOptions, 'source'> {
  readonly event_type: string;
  readonly source: string;
  /** As it would be sent: captured at `emit`, through its `toJSON`. */
  readonly payload: unknown;
  /** Null where the backend would reject the event. */
  readonly event_id: string | null;
}

/** An emit that was no event: what the code under test did wrong. */
export interface RefusedEvent {
  readonly event_type: string;
  readonly payload: unknown;
  readonly code: ErrorCode;
  readonly detail: string;
}

/** How a collecting producer works. */
export interface CollectingOptions<C = Catalog> {
  /** As the real producer's: names, payloads and identities are checked by it. */
  readonly catalog?: C | undefined;
  /** Source of events that name none. Default `test`. */
  readonly source?: string | undefined;
  /** As the real producer's: each emit carries its own `received_at`. Default false. */
  readonly backfill?: boolean | undefined;
  /**
   * What becomes of an event, to test what the caller does with results. Default: as a backend that is empty at the start,
   * with ACCEPTED, DUPLICATE and CONFLICT by identity.
   */
  readonly answer?: Answers | undefined;
  /** Told of every result. */
  readonly onResult?: ((result: EmitResult, emitted: Emitted) => void) | undefined;
}

/** A producer for tests: takes events as the real one does, and keeps them in memory instead of sending them. */
export interface CollectingProducer<C = Catalog> extends Producer<C> {
  /** What was emitted, in order, known as soon as `emit` returns. */
  readonly events: readonly CollectedEvent[];
  /** Emits that were refused: not declared, not of the declared form, no JSON, too large, after `close`. */
  readonly refused: readonly RefusedEvent[];
  /** Forgets what was collected; identities that were seen stay seen. */
  clear(): void;
}

/**
 * Makes a producer that collects. It is the real one over a backend in memory, so that what is refused, derived and counted
 * is what production does; results come in a later turn, or at `flush`.
 */
export function createCollectingProducer<const C = Catalog>(options: CollectingOptions<C> = {}): CollectingProducer<C> {
  return new Collector<C>(options);
}

class Collector<C> implements CollectingProducer<C> {
  readonly #producer: Producer<C>;
  readonly #source: string;
  #events: CollectedEvent[] = [];
  #refused: RefusedEvent[] = [];
  /** Results that came while an emit was running: refusals. */
  #refusal: EmitResult | null = null;

  constructor({ source = 'test', answer, onResult, ...options }: CollectingOptions<C>) {
    this.#source = source;
    const own: ProducerOptions<C> = {
      ...options,
      source,
      // One event a request: each has the answer that was asked for it.
      batchCountMax: 1,
      flushIntervalMs: 0,
      log: () => {},
      onResult: (result, emitted) => {
        this.#refusal = result;
        onResult?.(result, emitted);
      },
      gzipBytesMin: Number.MAX_SAFE_INTEGER,
    };
    this.#producer = new BatchingProducer<C>(own, memoryBackend(answer));
  }

  get producer_id(): string {
    return this.#producer.producer_id;
  }

  get events(): readonly CollectedEvent[] {
    return this.#events;
  }

  get refused(): readonly RefusedEvent[] {
    return this.#refused;
  }

  clear(): void {
    this.#events = [];
    this.#refused = [];
  }

  emit<T extends keyof C & string>(event_type: T, payload: PayloadOf<C, T> | null, options: EmitOptions): Emitted {
    this.#refusal = null;
    const sent = this.#producer.emit(event_type, payload, options);
    const refusal = this.#refusal as EmitResult | null;
    if (refusal === null) {
      const { event_id } = sent;
      const collected = { source: this.#source, ...options, event_type, payload: captured(payload), event_id };
      this.#events.push(collected);
    } else if (refusal.status === 'REJECTED' || refusal.status === 'UNDELIVERED') {
      const { code = 'INTERNAL', detail = '' } = refusal;
      this.#refused.push({ event_type, payload, code: code as ErrorCode, detail });
    }
    return sent;
  }

  ready(): Promise<void> {
    return this.#producer.ready();
  }

  flush(options?: WaitOptions): Promise<void> {
    return this.#producer.flush(options);
  }

  close(options?: WaitOptions): Promise<void> {
    return this.#producer.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  stats(): ProducerStats {
    return this.#producer.stats();
  }
}

/** What the payload is on the other side. */
function captured(payload: unknown): unknown {
  return JSON.parse(canonicalizeLive(payload));
}
