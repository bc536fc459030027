import type { MetricName } from '@pik/schema';

/** One line of the structured log. Values are JSON; no payload and no key of a caller is ever among them. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where counts and log lines go. None of it may throw or wait: a slow sink never holds up ingest. */
export interface Telemetry {
  count(metric: MetricName, value: number): void;
  /** Many values of one metric at once. */
  observe(metric: MetricName, values: readonly number[]): void;
  log(level: 'info' | 'warn' | 'error', event: string, fields: LogFields): void;
}

/** Drops everything; for tests and for callers that bring no telemetry. */
export const silentTelemetry: Telemetry = { count() {}, observe() {}, log() {} };
