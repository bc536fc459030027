import { METRICS, type MetricName } from '@pik/schema';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** One metric of any kind. Values that its kind cannot hold are ignored and never cause an error. */
export interface Metric {
  add(value: number): void;
  addAll(values: readonly number[]): void;
}

/** All metrics of one process, by name. */
export type Metrics = { readonly [N in MetricName]: Metric } & { text(): Promise<string> };

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Bucket bounds in milliseconds. Negative ones reveal a producer whose clock is ahead, or a wrong time zone. */
const LAG_BUCKETS = [
  ...[-DAY, -HOUR, -5 * MINUTE, -MINUTE, -SECOND, 0],
  ...[100, 500, SECOND, 5 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE],
  ...[HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 3 * DAY, 7 * DAY, 30 * DAY],
];

/** Creates every metric of `METRICS` at zero. There are no labels, since text of a caller must not become one. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const metrics = {} as Record<MetricName, Metric>;
  for (const [name, { unit, help }] of Object.entries(METRICS) as [MetricName, (typeof METRICS)[MetricName]][]) {
    metrics[name] = KINDS[unit]({ name, help, registers: [registry] });
  }
  return { ...metrics, text: () => registry.metrics() };
}

interface MetricConfig {
  name: string;
  help: string;
  registers: Registry[];
}

function counter(config: MetricConfig): Metric {
  const metric = new Counter(config);
  const add = (value: number): void => {
    if (value > 0 && Number.isFinite(value)) metric.inc(value);
  };
  return { add, addAll: (values) => add(values.reduce((sum, value) => sum + value, 0)) };
}

/** Shows the latest value: an age, which only grows until something ends it. */
function gauge(config: MetricConfig): Metric {
  const metric = new Gauge(config);
  const add = (value: number): void => {
    if (Number.isFinite(value)) metric.set(value);
  };
  return { add, addAll: (values) => values.forEach(add) };
}

function histogram(config: MetricConfig): Metric {
  const metric = new Histogram({ ...config, buckets: LAG_BUCKETS });
  const add = (value: number): void => {
    if (Number.isFinite(value)) metric.observe(value);
  };
  return { add, addAll: (values) => values.forEach(add) };
}

const KINDS = { Count: counter, Milliseconds: histogram, Seconds: gauge } as const;
