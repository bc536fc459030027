import { LogFormatter, Logger, LogItem } from '@aws-lambda-powertools/logger';
import type { LogAttributes, UnformattedAttributes } from '@aws-lambda-powertools/logger/types';
import { Metrics } from '@aws-lambda-powertools/metrics';
import type { LogFields, Telemetry } from '@pik/engine';
import { METRIC_NAMESPACE, METRICS, type MetricName } from '@pik/schema';

/** The runtime's facts about an invocation. */
export interface Invocation {
  readonly awsRequestId: string;
  readonly functionName: string;
  /** Milliseconds until the function times out. */
  getRemainingTimeInMillis(): number;
}

/** Log lines and metrics of a function, invocation by invocation. */
export interface FunctionTelemetry extends Telemetry {
  /** Begins an invocation: every log line until the next one has its ids and these fields. */
  begin(invocation: Invocation, fields: LogFields): void;
  /** Writes the metrics of the invocation, since a function may be frozen or gone after its answer. */
  flush(): void;
}

/** Formats lines like every other process of the kit, followed by the ids of the runtime. */
class LineFormatter extends LogFormatter {
  formatAttributes(base: UnformattedAttributes, fields: LogAttributes): LogItem {
    const { logLevel, message, serviceName, xRayTraceId } = base;
    const time = new Date(base.timestamp).toISOString();
    const head = { time, level: logLevel.toLowerCase(), event: message, service: serviceName };
    return new LogItem({ attributes: { ...head, xray_trace_id: xRayTraceId } }).addAttributes(fields);
  }
}

/** Writes metrics in the embedded metric format under one dimension, the service; caller data is never a dimension. */
export function createFunctionTelemetry({ service }: { service: string }): FunctionTelemetry {
  const logger = new Logger({ serviceName: service, logFormatter: new LineFormatter() });
  const metrics = new Metrics({ namespace: METRIC_NAMESPACE, serviceName: service });
  const counts = new Map<MetricName, number>();
  let coldStart = true;
  let waiting = false;
  const add = (metric: MetricName, value: number) => {
    // CloudWatch charges for each metric, and measures the functions itself.
    if (!Number.isFinite(value) || 'served' in METRICS[metric]) return;
    metrics.addMetric(metric, METRICS[metric].unit, value);
    waiting = true;
  };
  return {
    count: (metric, value) => never(() => void counts.set(metric, (counts.get(metric) ?? 0) + value)),
    observe: (metric, values) => never(() => values.forEach((value) => void add(metric, value))),
    log: (level, event, fields) => never(() => logger[level](event, { ...fields })),
    begin({ awsRequestId, functionName }, fields) {
      logger.resetKeys();
      const ids = { function: functionName, lambda_request_id: awsRequestId, cold_start: coldStart };
      logger.appendKeys({ ...ids, ...fields });
      coldStart = false;
    },
    flush: () =>
      never(() => {
        // One value per metric and invocation, regardless of the number of counts; zeros are omitted.
        for (const [metric, value] of counts) if (value > 0) add(metric, value);
        counts.clear();
        if (waiting) metrics.publishStoredMetrics();
        waiting = false;
      }),
  };
}

/** Ignores errors: a failing log or metric must not break the request. */
function never(write: () => void): void {
  try {
    write();
  } catch {
    // There is no other place to report it.
  }
}
