/** The part of OpenTelemetry's API that is used. All copies of it in a process share one global. */
interface OpenTelemetry {
  readonly context?: { active(): { getValue(key: symbol): unknown } };
}

interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

const API = Symbol.for('opentelemetry.js.api.1');
const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');

/** The W3C trace context of the active span; undefined without a span or OpenTelemetry, or if the tracer fails. */
export function activeTraceparent(): string | undefined {
  try {
    return spanTraceparent();
  } catch {
    // A fault in a tracer must not cost an event.
    return undefined;
  }
}

function spanTraceparent(): string | undefined {
  const api = (globalThis as { [API]?: OpenTelemetry })[API];
  if (api?.context === undefined) return undefined;
  const span = api.context.active().getValue(SPAN) as { spanContext(): SpanContext } | undefined;
  if (span === undefined) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  if (/^0*$/.test(traceId) || /^0*$/.test(spanId)) return undefined;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}
