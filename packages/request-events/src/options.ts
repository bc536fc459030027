import { type Catalog, KitError, type Producer } from '@pik/sdk';

import type { HTTP_REQUEST, RequestPayload } from './payload.ts';
import { Redaction } from './redaction.ts';

/** Further fields of the payload. All are off by default, bounded, and redacted. */
export interface CaptureOptions {
  /** True: all headers. Names: these alone. */
  readonly requestHeaders?: boolean | readonly string[] | undefined;
  /** True: all headers. Names: these alone. */
  readonly responseHeaders?: boolean | readonly string[] | undefined;
  /** The parameters of the URL's query. */
  readonly query?: boolean | undefined;
  /** The request's body as the service has parsed it, where its type is JSON and it is an object or an array. */
  readonly requestBody?: boolean | undefined;
  /** The fields of forms (URL-encoded and multipart) as the service has parsed them, as `request_body`; files are cut. */
  readonly forms?: boolean | undefined;
  /** The response's body, where it is JSON, not compressed, and within `bytesMax`. */
  readonly responseBody?: boolean | undefined;
  /** The client's address, by the framework's own rules about proxies. */
  readonly clientIp?: boolean | undefined;
  /** The size of each of these fields at most, in bytes. Default 4,096; at most 32,768. */
  readonly bytesMax?: number | undefined;
}

/** Something that no producer has, where its catalog lacks the event of requests: every one would be rejected. */
export type HasHttpRequest<C> = typeof HTTP_REQUEST extends keyof C
  ? unknown
  : { readonly catalog: 'must have http.request: ...httpRequestCatalog' };

/** What becomes of requests. Callbacks run after the response; what they throw costs what they were asked for, and is counted. */
export interface RequestEventsOptions<C, Request, Response> {
  /** Sends the events; it stays the caller's to close. With a catalog, that must have `http.request`. */
  readonly producer: Producer<C> & HasHttpRequest<C>;
  /** The entity of a request's events. Default, and where it gives none: the route. */
  readonly entity?: ((request: Request, response: Response) => string | undefined) | undefined;
  /** The request's id. Default: the framework's, the `x-request-id` header, or one of our own. */
  readonly requestId?: ((request: Request) => string | undefined) | undefined;
  /** True: no `http.request` for this one. `req.pik` is there all the same. */
  readonly skip?: ((request: Request, response: Response) => boolean) | undefined;
  /**
   * The share of traces whose requests are kept, from 0 to 1. Default 1. It is decided by the trace id, so that a trace is
   * whole over all services of one rate. Events by `req.pik.emit` are always kept.
   */
  readonly sample?: number | ((request: Request, response: Response) => number) | undefined;
  /** The payload to send in place of the one it is given. What it adds is bounded and redacted like all else. */
  readonly map?: ((payload: RequestPayload, request: Request, response: Response) => object) | undefined;
  /**
   * Paths whose values are taken out: `query.email`, `request_body.lines.*.price`, `**.email` for a name at any depth. Beside
   * them names that speak of credentials, and texts that look like them, are taken out always.
   */
  readonly redact?: readonly string[] | undefined;
  /** Names that would be taken out by default and may leave, as they are written. */
  readonly reveal?: readonly string[] | undefined;
  readonly capture?: CaptureOptions | undefined;
  /** Told of what a callback threw. */
  readonly onCallbackError?: ((error: unknown, callback: string) => void) | undefined;
}

/** Options as they are in force. */
export type Settings<C, Request, Response> = RequestEventsOptions<C, Request, Response> & {
  readonly redaction: Redaction;
  readonly captured: Captured;
};

/** What of a request is captured. */
export interface Captured {
  readonly requestHeaders: readonly string[] | 'all' | null;
  readonly responseHeaders: readonly string[] | 'all' | null;
  readonly query: boolean;
  readonly requestBody: boolean;
  readonly forms: boolean;
  readonly responseBody: boolean;
  readonly clientIp: boolean;
  readonly bytesMax: number;
  /** Whether any of these is on. */
  readonly isOn: boolean;
}

const BYTES_MAX_DEFAULT = 4_096;
const BYTES_MAX_LARGEST = 32_768;
const CALLBACKS = ['entity', 'requestId', 'skip', 'map', 'onCallbackError'] as const;

/** The options, checked. Throws KitError `CONFIG_INVALID`. */
export function settingsOf<C, Request, Response>(
  options: RequestEventsOptions<C, Request, Response>,
): Settings<C, Request, Response> {
  const { producer, sample, redact = [], reveal = [] } = options;
  if (typeof (producer as Partial<Producer<Catalog>> | undefined)?.emit !== 'function')
    throw invalid('producer', 'a producer');
  for (const name of CALLBACKS)
    if (options[name] !== undefined && typeof options[name] !== 'function') throw invalid(name, 'a function');
  if (sample !== undefined && typeof sample !== 'function' && !isRate(sample))
    throw invalid('sample', 'from 0 to 1, or a function');
  for (const [name, list] of Object.entries({ redact, reveal }))
    if (!Array.isArray(list)) throw invalid(name, 'a list of texts');
  return { ...options, redaction: new Redaction(redact, reveal), captured: capturedOf(options.capture ?? {}) };
}

/** Whether this is a share of something. */
export function isRate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

function capturedOf(capture: CaptureOptions): Captured {
  const { bytesMax = BYTES_MAX_DEFAULT } = capture;
  if (!Number.isSafeInteger(bytesMax) || bytesMax < 1 || bytesMax > BYTES_MAX_LARGEST)
    throw invalid('capture.bytesMax', `a whole number from 1 to ${BYTES_MAX_LARGEST}`);
  const fields = {
    requestHeaders: headersOf(capture.requestHeaders),
    responseHeaders: headersOf(capture.responseHeaders),
    query: capture.query === true,
    requestBody: capture.requestBody === true,
    forms: capture.forms === true,
    responseBody: capture.responseBody === true,
    clientIp: capture.clientIp === true,
  };
  return { ...fields, bytesMax, isOn: Object.values(fields).some((field) => field !== null && field !== false) };
}

function headersOf(wanted: boolean | readonly string[] | undefined): readonly string[] | 'all' | null {
  if (wanted === undefined || wanted === false) return null;
  if (wanted === true) return 'all';
  if (!Array.isArray(wanted)) throw invalid('capture', 'true or a list of names for headers');
  return wanted.map((name) => String(name).toLowerCase());
}

function invalid(name: string, form: string): KitError {
  return new KitError('CONFIG_INVALID', `${name} must be ${form}`, { path: `/${name.replaceAll('.', '/')}` });
}
