import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Completion } from './payload.ts';

/** An HTTP/2 stream, with the facts about its end. */
export interface Http2Stream {
  /** The request consisted of its head only. */
  readonly endAfterHeaders: boolean;
  readonly rstCode: number;
  /** The stream was cut before the end of the response. */
  readonly aborted: boolean;
  readonly writableFinished: boolean;
}

const NO_ERROR = 0;
/** Error code of a client that has the whole response and cancels the rest of its request. */
const CANCEL = 8;

/** The stream of a request; null for HTTP/1, where a connection carries one request at a time. */
export function streamOf(incoming: IncomingMessage): Http2Stream | null {
  if (incoming.httpVersionMajor !== 2) return null;
  const { stream }: IncomingMessage & { readonly stream?: Http2Stream | undefined } = incoming;
  return stream ?? null;
}

/** How a response on a stream ended; Node emits `finish` in every case. */
export function completionOf(stream: Http2Stream, outgoing: ServerResponse): Completion {
  const isComplete = outgoing.writableEnded && stream.writableFinished && !stream.aborted;
  return isComplete && (stream.rstCode === NO_ERROR || stream.rstCode === CANCEL) ? 'finished' : 'aborted';
}

/** Bytes of a request body as declared by its head; null if undeclared, 0 if there is no body. */
export function requestBytes(incoming: IncomingMessage): number | null {
  const { headers } = incoming;
  const length = headers['content-length'];
  if (length !== undefined) return Number.isSafeInteger(Number(length)) ? Number(length) : null;
  const stream = streamOf(incoming);
  const isOpen = stream === null ? headers['transfer-encoding'] !== undefined : !stream.endAfterHeaders;
  return isOpen ? null : 0;
}
