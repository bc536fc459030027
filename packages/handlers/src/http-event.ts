import { pathBelowPrefix } from './base-path.ts';

/** The fields read from an event of API Gateway (HTTP API, payload format 2.0). */
export interface HttpEvent {
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: string | undefined;
  readonly isBase64Encoded: boolean;
  readonly routeKey?: string | undefined;
  readonly requestContext: {
    readonly stage?: string | undefined;
    readonly requestId: string;
    /** The time when the API received the request, in milliseconds since the epoch. */
    readonly timeEpoch: number;
    readonly domainName?: string;
    readonly http: { readonly method: string };
    readonly authorizer?: { readonly iam?: { readonly userArn?: string | null } | null };
  };
}

/**
 * Explains an event that is not a request of an HTTP API to the person who set up the function: it has payload format 1.0, or
 * it is not HTTP at all, such as a scheduled event that keeps a function warm. Null for a request.
 */
export function foreignEvent(event: unknown): { readonly isHttp: boolean; readonly text: string } | null {
  const { rawPath, httpMethod, requestContext } = (event ?? {}) as Record<string, unknown>;
  const { http, timeEpoch } = (requestContext ?? {}) as Record<string, unknown>;
  if (typeof rawPath === 'string' && typeof http === 'object' && typeof timeEpoch === 'number') return null;
  if (typeof httpMethod === 'string')
    return {
      isHttp: true,
      text: 'the event has payload format 1.0: set the payload format version of the integration to 2.0 (HTTP API, or a function URL)',
    };
  return { isHttp: false, text: 'the event is not an HTTP request; nothing was done' };
}

/**
 * Converts an event to a request with the bytes that the caller sent.
 *
 * @throws TypeError for a method or address that is invalid in a request.
 */
export function toRequest(event: HttpEvent): Request {
  const { domainName = 'lambda', http } = event.requestContext;
  const url = new URL(`https://${domainName}`);
  url.pathname = pathBelowPrefix({ ...event, stage: event.requestContext.stage });
  url.search = event.rawQueryString;
  const body = http.method === 'GET' || http.method === 'HEAD' ? null : bodyOf(event);
  return new Request(url, { method: http.method, headers: headersOf(event, body), body });
}

function bodyOf({ body, isBase64Encoded }: HttpEvent): Uint8Array<ArrayBuffer> | null {
  return body === undefined ? null : new Uint8Array(Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8'));
}

function headersOf(event: HttpEvent, body: Uint8Array | null): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(event.headers)) {
    try {
      if (value !== undefined) headers.set(name, value);
    } catch {
      // An invalid header value counts as missing; code that requires the header refuses the request.
    }
  }
  headers.delete('transfer-encoding');
  if (body !== null) headers.set('content-length', String(body.length));
  return headers;
}
