import { randomHex } from './random-hex.ts';

/** Where a request stands in a trace, as W3C Trace Context has it. */
export interface TraceContext {
  /** 32 hex digits. */
  readonly trace_id: string;
  /** The header that says so: goes along with each event of the request, and may go along with requests to others. */
  readonly traceparent: string;
}

/** What is used of OpenTelemetry's API, which keeps itself in one place for all copies of it in a process. */
interface OpenTelemetry {
  readonly context?: { active(): { getValue(key: symbol): unknown } };
}

interface Span {
  spanContext(): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number };
}

const API = Symbol.for('opentelemetry.js.api.1');
const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');
/** Later versions may have more behind the flags; `ff` is none. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-|$)/;
const HEADER_CHARS_MAX = 128;
const SAMPLED = '01';

/** The span that is active now, where OpenTelemetry is in use: it has read the headers of the request already. */
export function activeTrace(): TraceContext | null {
  const api = (globalThis as { [API]?: OpenTelemetry })[API];
  if (api?.context === undefined) return null;
  const span = api.context.active().getValue(SPAN) as Span | undefined;
  if (span === undefined) return null;
  const { traceId, spanId, traceFlags } = span.spanContext();
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  return TRACEPARENT.test(traceparent) ? { trace_id: traceId, traceparent } : null;
}

/** Goes on with the trace of a `traceparent` header under a span id of its own, or starts a trace where there is none. */
export function continueTrace(header: unknown): TraceContext {
  const known = typeof header === 'string' && header.length <= HEADER_CHARS_MAX ? TRACEPARENT.exec(header) : null;
  const trace_id = known?.[1] ?? randomHex(16);
  return { trace_id, traceparent: `00-${trace_id}-${randomHex(8)}-${known?.[2] ?? SAMPLED}` };
}
