import { defineCatalog } from '@pik/sdk';

/** The type of the event of a request. */
export const HTTP_REQUEST = 'http.request';
/** The entity of requests for which there is no route. */
export const UNMATCHED = 'unmatched';

/** How a request ended: `finished`, the response was handed over whole; `aborted`, the connection was cut before. */
export type Completion = 'finished' | 'aborted';

/** The payload of `http.request`. Fields that only some have are off by default. */
export interface RequestPayload {
  /** Of the response's body, as the service wrote it to the connection: after compression, without the head. */
  bytes: number;
  completion: Completion;
  /** From when the middleware saw the request to the end of the response, in milliseconds. */
  duration_ms: number;
  method: string;
  /** Of the request's body, as its head declares it; null where that does not say. */
  request_bytes: number | null;
  request_id: string;
  /** The pattern of the route; null where there is none. */
  route: string | null;
  /** Null where the connection was cut before there was one. */
  status: number | null;
  /** 32 hex digits, of W3C Trace Context. */
  trace_id: string;
  client_ip?: string;
  query?: object;
  request_body?: object;
  request_headers?: object;
  response_body?: object;
  response_headers?: object;
}

/**
 * What a catalog needs for the middleware: `defineCatalog({ ...httpRequestCatalog, 'order.placed': {} })`. Every request is
 * an event of its own.
 */
export const httpRequestCatalog = defineCatalog({ [HTTP_REQUEST]: { identity: 'occurrence' } });
