import type { MetricName } from '@pik/schema';

/** The fields of one line of the structured log. Values are JSON and never include a payload or an API key. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Receives counts and log lines. No method may throw or block: a slow sink must never delay ingest. */
export interface Telemetry {
  count(metric: MetricName, value: number): void;
  /** Records many values of one metric; `label` is the value of its label, if it has one. */
  observe(metric: MetricName, values: readonly number[], label?: string): void;
  /** Notes that an event of a source was accepted, at a time in milliseconds; default: now. Default: not noted. */
  accepted?(source: string, receivedMs?: number): void;
  log(level: 'info' | 'warn' | 'error', event: string, fields: LogFields): void;
}

/** Discards everything; for tests and for callers without telemetry. */
export const silentTelemetry: Telemetry = { count() {}, observe() {}, log() {} };
