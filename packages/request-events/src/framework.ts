import type { IncomingMessage, ServerResponse } from 'node:http';

/** What a web framework knows of a request, and we do not. Each answer may be asked for at any time, and must be cheap. */
export interface Framework<Request, Response> {
  rawRequest(request: Request): IncomingMessage;
  rawResponse(response: Response): ServerResponse;
  /** The pattern under which the route was declared; null where none was found. Never the path as it came. */
  route(request: Request): string | null;
  /** The request's id, where the framework or somebody else has given it one. */
  requestId(request: Request): unknown;
  /** The URL as it came. */
  url(request: Request): string;
  /** The body as it was parsed. */
  body(request: Request): unknown;
  /** The headers that went out with the response. */
  responseHeaders(response: Response): NodeJS.Dict<unknown>;
  /** The client's address, behind those proxies that the framework was told to trust. */
  clientIp(request: Request): string | undefined;
}
