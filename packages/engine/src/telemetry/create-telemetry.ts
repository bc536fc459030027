import type { Telemetry } from '../ports/telemetry.ts';
import { createLineSink } from './line-sink.ts';
import { logLine } from './log-line.ts';
import { createMetrics } from './metrics.ts';
import { createSourceAges } from './source-ages.ts';

/** The options of `createTelemetry`. */
export interface TelemetryOptions {
  /**
   * Writes log lines, each ending in a newline. It may return a promise: further lines wait until it settles. Errors that
   * it throws are ignored.
   */
  readonly write: (lines: string) => unknown;
  /** The maximum number of lines that wait for a slow `write`; further lines are dropped and counted. Default 10,000. */
  readonly waitingLinesMax?: number | undefined;
  /** The clock for the time of a line, in milliseconds since the epoch. Default: the system clock. */
  readonly now?: (() => number) | undefined;
}

/** Log lines and metrics of one process. */
export interface ProcessTelemetry extends Telemetry {
  /** The metrics in the Prometheus text format; unused metrics are 0. */
  metricsText(): Promise<string>;
}

const WAITING_LINES_MAX = 10_000;

/** Creates the log and the metrics of one process. They never throw or block: a sink that hangs never delays ingest. */
export function createTelemetry(options: TelemetryOptions): ProcessTelemetry {
  const now = options.now ?? Date.now;
  const metrics = createMetrics();
  const ages = createSourceAges(now);
  const sink = createLineSink(options.write, {
    waitingLinesMax: options.waitingLinesMax ?? WAITING_LINES_MAX,
    onLost: (count) => metrics.LogLinesLostCount.add(count),
    droppedLine: (count) => logLine({ nowMs: now(), level: 'warn', event: 'log_lines_dropped' }, { count }),
  });
  return {
    count: (metric, value) => metrics[metric].add(value),
    observe: (metric, values, label) => metrics[metric].addAll(values, label),
    accepted: (source, receivedMs) => ages.note(source, receivedMs),
    log: (level, event, fields) => sink.push(logLine({ nowMs: now(), level, event }, fields)),
    metricsText() {
      for (const [source, seconds] of ages.all()) metrics.LastEventAgeSeconds.addAll([seconds], source);
      return metrics.text();
    },
  };
}
