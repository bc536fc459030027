export type { Framework } from './framework.ts';
export type { RequestEmitOptions, RequestEvents } from './observed-request.ts';
export type { CaptureOptions, HasHttpRequest, RequestEventsOptions } from './options.ts';
export {
  type Completion,
  HTTP_REQUEST,
  httpRequestCatalog,
  type RequestPayload,
  UNMATCHED,
} from './payload.ts';
export { Recorder, type RequestEventsStats } from './recorder.ts';
export { REDACTED } from './redaction.ts';
export { observeResponsesOf } from './response-writes.ts';
