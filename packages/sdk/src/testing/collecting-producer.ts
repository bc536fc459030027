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
  /** The payload as it would be event: captured at `emit`, through its `toJSON`. */
  readonly payload: unknown;
  /** Null if the backend would reject the event. */
  readonly event_id: string | null;
}

/** An emit that the producer refused: a fault of the code under test. */
export interface RefusedEvent {
  readonly event_type: string;
  readonly payload: unknown;
  readonly code: ErrorCode;
  readonly detail: string;
}

/** Options of a collecting producer. */
export interface CollectingOptions<C = Catalog> {
  /** Catalog that checks names, payloads and identities, as in the real producer. */
  readonly catalog?: C | undefined;
  /** Source of events that do not name one. Default: `test`. */
  readonly source?: string | undefined;
  /** Each emit carries its own `received_at`, as in the real producer. Default: false. */
  readonly backfill?: boolean | undefined;
  /**
   * Decides the outcome of an event, to test how the code handles results. Default: behaves as an initially empty
   * backend, with ACCEPTED, DUPLICATE and CONFLICT by identity.
   */
  readonly answer?: Answers | undefined;
  /** Called with every result. */
  readonly onResult?: ((result: EmitResult, emitted: Emitted) => void) | undefined;
}

/** A producer for tests: takes events as the real one does, and collects them in memory instead of sending them. */
export interface CollectingProducer<C = Catalog> extends Producer<C> {
  /** The emitted events in order, available as soon as `emit` returns. */
  readonly events: readonly CollectedEvent[];
  /** Refused emits: undeclared, not of the declared form, not JSON, too large, or after `close`. */
  readonly refused: readonly RefusedEvent[];
  /** Clears the collected events. Identities that were seen stay known. */
  clear(): void;
}

/**
 * Creates a producer that collects events. It is the real producer over a backend in memory, so it refuses, derives and
 * counts exactly as in production. Results arrive in a later turn of the event loop, or at `flush`.
 *
 * @example
 * import { createCollectingProducer } from '@pik/sdk/testing';
 * import { expect } from 'vitest';
 *
 * const producer = createCollectingProducer({ source: 'shop' });
 * producer.emit('order.placed', { total: 42 }, { entity_id: 'order-17' }); // your service does
 * expect(producer.events).toMatchObject([{ event_type: 'order.placed', entity_id: 'order-17' }]);
 */
export function createCollectingProducer<const C = Catalog>(options: CollectingOptions<C> = {}): CollectingProducer<C> {
  return new Collector<C>(options);
}

class Collector<C> implements CollectingProducer<C> {
  readonly #producer: Producer<C>;
  readonly #source: string;
  #events: CollectedEvent[] = [];
  #refused: RefusedEvent[] = [];
  /** The result of the current emit if it was refused. */
  #refusal: EmitResult | null = null;

  constructor({ source = 'test', answer, onResult, ...options }: CollectingOptions<C>) {
    this.#source = source;
    const own: ProducerOptions<C> = {
      ...options,
      source,
      // One event per request, so that each gets its own answer.
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
    const event = this.#producer.emit(event_type, payload, options);
    const refusal = this.#refusal as EmitResult | null;
    if (refusal === null) {
      const { event_id } = event;
      const source = options.source ?? this.#source;
      const collected = { ...options, source, event_type, payload: captured(payload), event_id };
      this.#events.push(collected);
    } else if (refusal.status === 'REJECTED' || refusal.status === 'UNDELIVERED') {
      const { code = 'INTERNAL', detail = '' } = refusal;
      this.#refused.push({ event_type, payload, code: code as ErrorCode, detail });
    }
    return event;
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

/** The payload as the backend receives it. */
function captured(payload: unknown): unknown {
  return JSON.parse(canonicalizeLive(payload));
}
