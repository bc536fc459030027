import type { Telemetry } from '../ports/telemetry.ts';
import { createLineSink } from './line-sink.ts';
import { logLine } from './log-line.ts';
import { createMetrics } from './metrics.ts';

/** Where telemetry goes. */
export interface TelemetryOptions {
  /**
   * Takes log lines, each ending in a newline. May answer a promise: until it settles, further lines wait. What it
   * throws is dropped.
   */
  readonly write: (lines: string) => unknown;
  /** Lines that may wait for a slow `write`; further ones are dropped and counted. Default 10,000. */
  readonly waitingLinesMax?: number | undefined;
  /** Milliseconds since the epoch, for the time of a line. Default: the system's clock. */
  readonly now?: (() => number) | undefined;
}

/** Log lines and metrics of one process. */
export interface ProcessTelemetry extends Telemetry {
  /** The metrics in the Prometheus text format; those that nothing was counted for yet are 0. */
  metricsText(): Promise<string>;
}

const WAITING_LINES_MAX = 10_000;

/** Makes the log and the metrics of one process. None of it throws or waits: a sink that hangs never holds up ingest. */
export function createTelemetry(options: TelemetryOptions): ProcessTelemetry {
  const now = options.now ?? Date.now;
  const metrics = createMetrics();
  const sink = createLineSink(options.write, {
    waitingLinesMax: options.waitingLinesMax ?? WAITING_LINES_MAX,
    onLost: (count) => metrics.LogLinesLostCount.add(count),
    droppedLine: (count) => logLine({ nowMs: now(), level: 'warn', event: 'log_lines_dropped' }, { count }),
  });
  return {
    count: (metric, value) => metrics[metric].add(value),
    observe: (metric, values) => metrics[metric].addAll(values),
    log: (level, event, fields) => sink.push(logLine({ nowMs: now(), level, event }, fields)),
    metricsText: () => metrics.text(),
  };
}
