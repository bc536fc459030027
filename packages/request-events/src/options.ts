import { KitError, type Producer } from '@pik/sdk';

import type { HTTP_REQUEST, RequestPayload } from './payload.ts';
import { Redaction } from './redaction.ts';

/** Additional fields of the payload. All are off by default, bounded, and redacted. */
export interface CaptureOptions {
  /** True: all headers. A list: only these. */
  readonly requestHeaders?: boolean | readonly string[] | undefined;
  /** True: all headers. A list: only these. */
  readonly responseHeaders?: boolean | readonly string[] | undefined;
  /** The query parameters of the URL. */
  readonly query?: boolean | undefined;
  /** The request body as parsed by the service, if its content type is JSON and it is an object or an array. */
  readonly requestBody?: boolean | undefined;
  /** The fields of forms (URL-encoded and multipart) as parsed by the service, in `request_body`; files are cut. */
  readonly forms?: boolean | undefined;
  /** The response body, if it is JSON, not compressed, and within `bytesMax`. */
  readonly responseBody?: boolean | undefined;
  /** The client's address, by the framework's proxy rules. */
  readonly clientIp?: boolean | undefined;
  /** Maximum size of each of these fields, in bytes. Default 4,096; at most 32,768. */
  readonly bytesMax?: number | undefined;
}

/** An impossible producer type, used if the catalog lacks `http.request`: every event would be rejected. */
export type HasHttpRequest<C> = typeof HTTP_REQUEST extends keyof C
  ? unknown
  : { readonly catalog: 'must have http.request: ...httpRequestCatalog' };

/**
 * Options of the middleware. Callbacks run after the response; a callback that throws loses only its result and is
 * counted.
 */
export interface RequestEventsOptions<C, Request, Response> {
  /** Sends the events; the caller closes it. A catalog must contain `http.request`. */
  readonly producer: Producer<C> & HasHttpRequest<C>;
  /** The entity of a request's events. Default, and if it returns none: the route. */
  readonly entity?: ((request: Request, response: Response) => string | undefined) | undefined;
  /** The request's id. Default: the framework's, the `x-request-id` header, or a new one. */
  readonly requestId?: ((request: Request) => string | undefined) | undefined;
  /** True: no `http.request` for this request. `req.pik` exists anyway. */
  readonly skip?: ((request: Request, response: Response) => boolean) | undefined;
  /**
   * The share of traces whose requests are kept, from 0 to 1. Default 1. The trace id decides, so that a trace is
   * complete across all services with the same rate. Events from `req.pik.emit` are always kept.
   */
  readonly sample?: number | ((request: Request, response: Response) => number) | undefined;
  /** Returns the payload to send instead. Its fields are bounded and redacted like all others. */
  readonly map?: ((payload: RequestPayload, request: Request, response: Response) => object) | undefined;
  /**
   * Paths whose values are redacted: `query.email`, `request_body.lines.*.price`, `**.email` for a name at any depth.
   * Names of credentials, and texts in the form of credentials, are always redacted.
   */
  readonly redact?: readonly string[] | undefined;
  /** Names that would be redacted by default and are not, spelled exactly. */
  readonly reveal?: readonly string[] | undefined;
  readonly capture?: CaptureOptions | undefined;
  /** Called with the error of a callback. */
  readonly onCallbackError?: ((error: unknown, callback: string) => void) | undefined;
}

/** The options with defaults. */
export type Settings<C, Request, Response> = RequestEventsOptions<C, Request, Response> & {
  readonly redaction: Redaction;
  readonly captured: Captured;
};

/** The captured fields of a request. */
export interface Captured {
  readonly requestHeaders: readonly string[] | 'all' | null;
  readonly responseHeaders: readonly string[] | 'all' | null;
  readonly query: boolean;
  readonly requestBody: boolean;
  readonly forms: boolean;
  readonly responseBody: boolean;
  readonly clientIp: boolean;
  readonly bytesMax: number;
  /** True if any of these is on. */
  readonly isOn: boolean;
}

const BYTES_MAX_DEFAULT = 4_096;
const BYTES_MAX_LARGEST = 32_768;
const CALLBACKS = ['entity', 'requestId', 'skip', 'map', 'onCallbackError'] as const;

/** Checks the options. Throws KitError `CONFIG_INVALID`. */
export function settingsOf<C, Request, Response>(
  options: RequestEventsOptions<C, Request, Response>,
): Settings<C, Request, Response> {
  const { producer, sample, redact = [], reveal = [] } = options;
  if (typeof producer?.emit !== 'function') throw invalid('producer', 'a producer');
  for (const name of CALLBACKS)
    if (options[name] !== undefined && typeof options[name] !== 'function') throw invalid(name, 'a function');
  if (sample !== undefined && typeof sample !== 'function' && !isRate(sample))
    throw invalid('sample', 'from 0 to 1, or a function');
  for (const [name, list] of Object.entries({ redact, reveal }))
    if (!Array.isArray(list)) throw invalid(name, 'a list of texts');
  return { ...options, redaction: new Redaction(redact, reveal), captured: capturedOf(options.capture ?? {}) };
}

/** True for a number from 0 to 1. */
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
