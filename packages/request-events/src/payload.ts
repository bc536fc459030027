import { defineCatalog } from '@pik/sdk';

/** The type of the event of a request. */
export const HTTP_REQUEST = 'http.request';
/** The entity of requests without a route. */
export const UNMATCHED = 'unmatched';

/** How a request ended: `finished`, the response was sent completely; `aborted`, the connection was cut before. */
export type Completion = 'finished' | 'aborted';

/** The payload of `http.request`. Optional fields are off by default. */
export interface RequestPayload {
  /** Bytes of the response body as written to the connection: after compression, without the head. */
  bytes: number;
  completion: Completion;
  /** Milliseconds from the middleware to the end of the response. */
  duration_ms: number;
  method: string;
  /** Bytes of the request body as declared by its head; null if undeclared. */
  request_bytes: number | null;
  request_id: string;
  /** The pattern of the route; null if there is none. */
  route: string | null;
  /** Null if the connection was cut before there was a status. */
  status: number | null;
  /** 32 hex digits, of W3C Trace Context. */
  trace_id: string;
  client_ip?: string | undefined;
  query?: object | undefined;
  request_body?: object | undefined;
  request_headers?: object | undefined;
  response_body?: object | undefined;
  response_headers?: object | undefined;
}

/**
 * The catalog entry that the middleware needs: `defineCatalog({ ...httpRequestCatalog, 'order.placed': {} })`. Every
 * request is an event of its own.
 */
export const httpRequestCatalog = defineCatalog({ [HTTP_REQUEST]: { identity: 'occurrence' } });
