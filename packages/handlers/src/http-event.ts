import { pathBelowPrefix } from './base-path.ts';

/** What is read of a request as API Gateway hands it over (HTTP API, payload format 2.0). */
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
    /** When the API took the request, in milliseconds since the epoch. */
    readonly timeEpoch: number;
    readonly domainName?: string;
    readonly http: { readonly method: string };
    readonly authorizer?: { readonly iam?: { readonly userArn?: string | null } | null };
  };
}

/**
 * What an event that is no request of an HTTP API is, for whoever set the function up: one of payload format 1.0, or not of
 * HTTP at all, such as a scheduled event that keeps a function warm. Null for a request.
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
 * The request of an event, with the bytes that the caller sent.
 *
 * @throws TypeError for a method or an address that no request can have.
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
      // A value that no header can have is as good as none; what needs one refuses the request without it.
    }
  }
  headers.delete('transfer-encoding');
  if (body !== null) headers.set('content-length', String(body.length));
  return headers;
}
