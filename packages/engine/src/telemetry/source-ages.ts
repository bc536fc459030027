import { LIMITS } from '@pik/schema';

/** When each source had its last event. */
export interface SourceAges {
  /** Notes an event that was received at a time; default: now. An earlier time than the last one changes nothing. */
  note(source: string, receivedMs?: number): void;
  /** Seconds since the last event, by source. */
  all(): Iterable<[source: string, seconds: number]>;
}

/** Keeps the first sources that it sees: among many, a silent one must not make room for the others. */
export function createSourceAges(now: () => number): SourceAges {
  const lastMs = new Map<string, number>();
  return {
    note(source, receivedMs) {
      const known = lastMs.get(source);
      if (known === undefined && lastMs.size >= LIMITS.metric_sources_max) return;
      lastMs.set(source, receivedMs === undefined ? now() : Math.max(known ?? receivedMs, receivedMs));
    },
    *all() {
      for (const [source, ms] of lastMs) yield [source, Math.max(0, now() - ms) / 1_000];
    },
  };
}
