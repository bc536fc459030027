import { LogFormatter, Logger, LogItem } from '@aws-lambda-powertools/logger';
import type { LogAttributes, UnformattedAttributes } from '@aws-lambda-powertools/logger/types';
import { Metrics } from '@aws-lambda-powertools/metrics';
import type { LogFields, Telemetry } from '@pik/engine';
import { METRIC_NAMESPACE, METRICS, type MetricName } from '@pik/schema';

/** What the runtime says of one invocation. */
export interface Invocation {
  readonly awsRequestId: string;
  readonly functionName: string;
  /** Milliseconds until the runtime ends the function. */
  getRemainingTimeInMillis(): number;
}

/** Log lines and metrics of a function, invocation by invocation. */
export interface FunctionTelemetry extends Telemetry {
  /** Begins an invocation: every line until the next one carries its ids and these fields. */
  begin(invocation: Invocation, fields: LogFields): void;
  /** Writes the metrics of the invocation: a function is frozen, or gone, once it has answered. */
  flush(): void;
}

/** The shape of a line is that of every other process of the kit, with the ids of the runtime behind it. */
class LineFormatter extends LogFormatter {
  formatAttributes(base: UnformattedAttributes, fields: LogAttributes): LogItem {
    const { logLevel, message, serviceName, xRayTraceId } = base;
    const time = new Date(base.timestamp).toISOString();
    const head = { time, level: logLevel.toLowerCase(), event: message, service: serviceName };
    return new LogItem({ attributes: { ...head, xray_trace_id: xRayTraceId } }).addAttributes(fields);
  }
}

/** Metrics go out in the embedded metric format, under one dimension: the service. Nothing of a caller is ever one. */
export function createFunctionTelemetry({ service }: { service: string }): FunctionTelemetry {
  const logger = new Logger({ serviceName: service, logFormatter: new LineFormatter() });
  const metrics = new Metrics({ namespace: METRIC_NAMESPACE, serviceName: service });
  const counts = new Map<MetricName, number>();
  let coldStart = true;
  let waiting = false;
  const add = (metric: MetricName, value: number) => {
    if (!Number.isFinite(value)) return;
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
        // One value per metric and invocation, however often it was counted; zeros say nothing that silence does not.
        for (const [metric, value] of counts) if (value > 0) add(metric, value);
        counts.clear();
        if (waiting) metrics.publishStoredMetrics();
        waiting = false;
      }),
  };
}

/** A log or a metric that cannot be written must not take down what it is about. */
function never(write: () => void): void {
  try {
    write();
  } catch {
    // There is nowhere left to say it.
  }
}
