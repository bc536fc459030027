import type { IncomingMessage, ServerResponse } from 'node:http';

/** Facts about a request that only the web framework knows. Each may be requested at any time, and must be cheap. */
export interface Framework<Request, Response> {
  rawRequest(request: Request): IncomingMessage;
  rawResponse(response: Response): ServerResponse;
  /** The declared pattern of the route; null if there is none. Never the received path. */
  route(request: Request): string | null;
  /** The request's id, if the framework or other middleware assigned one. */
  requestId(request: Request): unknown;
  /** The URL as received. */
  url(request: Request): string;
  /** The parsed body. */
  body(request: Request): unknown;
  /** The headers sent with the response. */
  responseHeaders(response: Response): NodeJS.Dict<unknown>;
  /** The client's address, behind the proxies that the framework trusts. */
  clientIp(request: Request): string | undefined;
}
