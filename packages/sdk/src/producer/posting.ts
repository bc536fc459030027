import type { FailedAnswer } from '../connection/connection.ts';

/** A request body, its headers, and a time limit. */
export interface PostRequest {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds until the response must be complete. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A complete response. */
export type Answer = FailedAnswer;

/** Posts a body once. Throws KitError `NETWORK`, `TIMEOUT`, `ABORTED` or `SEND_FAILED`. */
export type Post = (path: string, request: PostRequest) => Promise<Answer>;
