import type { Backend } from '@pik/engine';
import { silentTelemetry } from '@pik/engine';
import { createIds } from '@pik/engine/internals';
import { type Alert, type Ask, type Sink, watchOnce } from '@pik/engine/monitors';
import { KitError, type Monitor } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';

/** The result of the next attempts at a sink. */
export type SinkMood = 'accept' | 'refuse' | 'hang' | 'lose answer';

/** A sink that keeps what it accepted. */
export class RecordingSink implements Sink {
  readonly accepted: Alert[] = [];
  attempts = 0;
  mood: SinkMood = 'accept';
  readonly refreshMs: number | null;

  constructor(refreshMs: number | null = null) {
    this.refreshMs = refreshMs;
  }

  async send(alert: Alert): Promise<void> {
    this.attempts += 1;
    if (this.mood === 'refuse') throw new KitError('NETWORK', 'refused');
    if (this.mood === 'hang') await new Promise(() => {});
    this.accepted.push(alert);
    if (this.mood === 'lose answer') throw new KitError('NETWORK', 'the answer was lost');
  }

  /** The state of each accepted message, by incident. */
  notified(): Record<string, string[]> {
    const notified: Record<string, string[]> = {};
    for (const { key, state } of this.accepted) notified[key] = [...(notified[key] ?? []), state];
    return notified;
  }
}

export const MINUTE = 60_000;

/** A monitor that finds what the world says. */
export const SLOW: Monitor = {
  name: 'slow',
  kind: 'lag',
  p95_ms_max: 1_000,
  every_ms: MINUTE,
  resolve_after_ms: 0,
};

/** A store, a clock, sinks, and answers that a test decides. */
export class WatchWorld {
  readonly clock = createTestClock();
  readonly backend = createMemoryBackend(this.clock);
  readonly sink = new RecordingSink();
  readonly sinks = new Map<string, Sink>([['ops', this.sink]]);
  /** The sources that are slow now; null: the question fails. */
  slow: readonly string[] | null = [];
  isPartial = false;
  monitors: readonly Monitor[] = [SLOW];
  readonly newId = createIds(this.clock);

  /** The answer to a lag report; other questions fail. */
  readonly ask: Ask = async (name) => {
    if (name !== 'lag' || this.slow === null) throw new KitError('INDEX_UNAVAILABLE');
    const groups = this.slow.map((source) => ({
      group: { source },
      figures: { p95_ms: 60_000, late_count: 0, count: 10 },
    }));
    return { groups, partial: this.isPartial } as never;
  };

  /** One round, in a process over this backend. */
  async round(backend: Backend = this.backend): Promise<void> {
    await watchOnce({
      store: backend.monitors,
      sinks: this.sinks,
      monitors: this.monitors,
      ask: this.ask,
      telemetry: silentTelemetry,
      now: () => this.clock.ms,
      newId: this.newId,
      consoleUrl: 'https://kit.example/',
      sendMs: 1,
    });
  }

  /** A round each minute. */
  async minutes(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.round();
      this.clock.ms += MINUTE;
    }
  }
}
