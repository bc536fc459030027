import { LIMITS } from '@pik/schema';

/** When each source had its last event. */
export interface SourceAges {
  note(source: string): void;
  /** Seconds since the last event, by source. */
  all(): Iterable<[source: string, seconds: number]>;
}

/** Keeps the first sources that it sees: among many, a silent one must not make room for the others. */
export function createSourceAges(now: () => number): SourceAges {
  const lastMs = new Map<string, number>();
  return {
    note(source) {
      if (lastMs.size < LIMITS.metric_sources_max || lastMs.has(source)) lastMs.set(source, now());
    },
    *all() {
      for (const [source, ms] of lastMs) yield [source, Math.max(0, now() - ms) / 1_000];
    },
  };
}
