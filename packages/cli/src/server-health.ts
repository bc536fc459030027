import type { Pipeline } from '@pik/engine';
import type { LocalBackend } from '@pik/engine/local';
import type { ProcessHealth } from '@pik/schema';

import own from '../package.json' with { type: 'json' };

/** The state of a server for `GET /healthz`, and its sweeps. */
export interface ServerHealth {
  read(): Promise<ProcessHealth>;
  /** Notes that a sweep has ended. */
  swept(): void;
  /** Notes that a compaction has ended. */
  compacted(): void;
}

/** The parts of a server whose state is reported. */
export interface HealthParts {
  readonly backend: Pick<LocalBackend, 'figures'>;
  readonly pipeline: Pick<Pipeline, 'latestReceivedMs'>;
  readonly readers: number;
}

/** Creates the report of a server that starts now. */
export function createServerHealth({ backend, pipeline, readers }: HealthParts): ServerHealth {
  let sweptMs: number | null = null;
  let compactedMs: number | null = null;
  const age = (ms: number | null) => (ms === null ? null : seconds(Date.now() - ms));
  return {
    swept() {
      sweptMs = Date.now();
    },
    compacted() {
      compactedMs = Date.now();
    },
    async read() {
      const figures = await backend.figures();
      return {
        version: own.version,
        uptime_s: seconds(process.uptime() * 1_000),
        ...figures,
        last_event_age_s: age(pipeline.latestReceivedMs()),
        last_sweep_age_s: age(sweptMs),
        last_compact_age_s: age(compactedMs),
        readers,
      };
    },
  };
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms / 100) / 10);
}
