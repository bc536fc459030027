import { randomHex } from './random-hex.ts';

/** The position of a request in a trace, as in W3C Trace Context. */
export interface TraceContext {
  /** 32 hex digits. */
  readonly trace_id: string;
  /** The `traceparent` header of this position: part of each event of the request, and usable for outgoing requests. */
  readonly traceparent: string;
}

/** The part of OpenTelemetry's API used here. It keeps itself in one global for all its copies in a process. */
interface OpenTelemetry {
  readonly context?: { active(): { getValue(key: symbol): Span | undefined } };
}

interface Span {
  spanContext(): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number };
}

const API = Symbol.for('opentelemetry.js.api.1');
const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');
/** Later versions may append fields after the flags; version `ff` is invalid. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-|$)/;
const HEADER_CHARS_MAX = 128;
const SAMPLED = '01';

/** The active span, if OpenTelemetry is in use: it has read the request headers already. */
export function activeTrace(): TraceContext | null {
  const { [API]: api }: typeof globalThis & { [API]?: OpenTelemetry | undefined } = globalThis;
  if (api?.context === undefined) return null;
  const span = api.context.active().getValue(SPAN);
  if (span === undefined) return null;
  const { traceId, spanId, traceFlags } = span.spanContext();
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  return TRACEPARENT.test(traceparent) ? { trace_id: traceId, traceparent } : null;
}

/** Continues the trace of a `traceparent` header with a new span id, or starts a trace if there is none. */
export function continueTrace(header: unknown): TraceContext {
  const known = typeof header === 'string' && header.length <= HEADER_CHARS_MAX ? TRACEPARENT.exec(header) : null;
  const trace_id = known?.[1] ?? randomHex(16);
  return { trace_id, traceparent: `00-${trace_id}-${randomHex(8)}-${known?.[2] ?? SAMPLED}` };
}
