import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Completion } from './payload.ts';

/** A stream of HTTP/2, as far as it says how it ended. */
export interface Http2Stream {
  /** The head was all of the request. */
  readonly endAfterHeaders: boolean;
  readonly rstCode: number;
  /** It was cut before the response had been said to its end. */
  readonly aborted: boolean;
  readonly writableFinished: boolean;
}

const NO_ERROR = 0;
/** Whoever has the whole response may call off the rest of its request. */
const CANCEL = 8;

/** The stream that a request came on; null for HTTP/1, which has a connection for each request at a time. */
export function streamOf(incoming: IncomingMessage): Http2Stream | null {
  if (incoming.httpVersionMajor !== 2) return null;
  return (incoming as { stream?: Http2Stream }).stream ?? null;
}

/** How a response on a stream ended; Node says `finish` of every one, whatever became of it. */
export function completionOf(stream: Http2Stream, outgoing: ServerResponse): Completion {
  const isWhole = outgoing.writableEnded && stream.writableFinished && !stream.aborted;
  return isWhole && (stream.rstCode === NO_ERROR || stream.rstCode === CANCEL) ? 'finished' : 'aborted';
}

/** Bytes of a request's body as its head declares them; null where that does not say, 0 where there is none. */
export function requestBytes(incoming: IncomingMessage): number | null {
  const { headers } = incoming;
  const length = headers['content-length'];
  if (length !== undefined) return Number.isSafeInteger(Number(length)) ? Number(length) : null;
  const stream = streamOf(incoming);
  const isOpen = stream === null ? headers['transfer-encoding'] !== undefined : !stream.endAfterHeaders;
  return isOpen ? null : 0;
}
