import { type Metric as Declared, METRICS, type MetricName } from '@pik/schema';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** One metric of any kind. Values that its kind cannot hold are ignored and never cause an error. */
export interface Metric {
  add(value: number): void;
  addAll(values: readonly number[], label?: string): void;
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

/** Milliseconds. */
const DURATION_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND];

/** Creates every metric of `METRICS` at zero. Labels have few values: text of a caller becomes one for a bounded number only. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const metrics = {} as Record<MetricName, Metric>;
  for (const [name, declared] of Object.entries(METRICS) as [MetricName, Declared][]) {
    const { unit, help, buckets, label } = declared;
    const labelNames = label === undefined ? [] : [label];
    metrics[name] = KINDS[unit]({ name, help, registers: [registry], labelNames, isDuration: buckets === 'duration' });
  }
  return { ...metrics, text: () => registry.metrics() };
}

interface MetricConfig {
  name: string;
  help: string;
  registers: Registry[];
  labelNames: string[];
  isDuration: boolean;
}

function counter({ isDuration: _, ...config }: MetricConfig): Metric {
  const metric = new Counter(config);
  const add = (value: number): void => {
    if (value > 0 && Number.isFinite(value)) metric.inc(value);
  };
  return { add, addAll: (values) => add(values.reduce((sum, value) => sum + value, 0)) };
}

/** Shows the latest value: an age, which only grows until something ends it. */
function gauge({ isDuration: _, ...config }: MetricConfig): Metric {
  const metric = new Gauge(config);
  return each(config, (labels, value) => metric.set(labels, value));
}

function histogram({ isDuration, ...config }: MetricConfig): Metric {
  const metric = new Histogram({ ...config, buckets: isDuration ? DURATION_BUCKETS : LAG_BUCKETS });
  return each(config, (labels, value) => metric.observe(labels, value));
}

type Labels = Partial<Record<string, string>>;

function each(
  { labelNames: [name] }: Pick<MetricConfig, 'labelNames'>,
  put: (labels: Labels, value: number) => void,
): Metric {
  const addAll = (values: readonly number[], label?: string): void => {
    const labels = name === undefined || label === undefined ? {} : { [name]: label };
    for (const value of values) if (Number.isFinite(value)) put(labels, value);
  };
  return { add: (value) => addAll([value]), addAll };
}

const KINDS = { Count: counter, Milliseconds: histogram, Seconds: gauge } as const;
