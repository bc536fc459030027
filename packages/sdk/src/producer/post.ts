import {
  type ConnectionOptions,
  callError,
  type FailedAnswer,
  requestTo,
  sendOf,
  targetOf,
  unlessAborted,
} from '../connection/connection.ts';
import { unrefTimeout } from '../connection/timers.ts';
import { nodePost } from './post-node.ts';

/** A body on its way, and how long its answer may take. */
export interface PostRequest {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds until the whole answer must be there. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** An answer, read to its end. */
export type Answer = FailedAnswer;

/** Posts a body once. Throws KitError `NETWORK`, `TIMEOUT`, `ABORTED` or `SEND_FAILED`. */
export type Post = (path: string, request: PostRequest) => Promise<Answer>;

/**
 * The way of a producer's batches: `node:http` on Node, where it takes a third of the time that `fetch` does; `fetch`
 * elsewhere, wherever the caller brings one, and while `fetch` was sent another way than Node's agents go.
 *
 * @throws KitError `CONFIG_INVALID` for a URL or key that cannot be used.
 */
export function openPost(options: ConnectionOptions): Post {
  if (options.fetch !== undefined) return fetchPost(options);
  // Asked for when it is needed: Node has a way of its own, and its tests may run where there is no `fetch`, as in jsdom.
  let byFetch: Post | null = null;
  const rerouted: Post = (path, request) => {
    byFetch ??= fetchPost(options);
    return byFetch(path, request);
  };
  return nodePost(options, rerouted) ?? fetchPost(options);
}

function fetchPost(options: ConnectionOptions): Post {
  const { base, headers: own } = targetOf(options);
  const send = sendOf(options);
  const exchange = async (request: Request): Promise<Answer> => {
    const response = await send(request);
    return { status: response.status, header: (name) => response.headers.get(name), text: await response.text() };
  };
  return async (path, { body, headers, timeoutMs, signal }) => {
    if (signal.aborted) throw callError(signal.reason, { aborted: true, timedOut: false });
    const ended = new AbortController();
    const abort = () => ended.abort(signal.reason);
    const callOff = unrefTimeout(timeoutMs, () => ended.abort());
    signal.addEventListener('abort', abort);
    const init = { method: 'POST', body, headers: { ...headers, ...own }, signal: ended.signal };
    try {
      // Not every fetch heeds its signal, and none may hold up a batch for ever.
      return await unlessAborted(ended.signal, () => exchange(requestTo(base + path, init)));
    } catch (cause) {
      throw callError(cause, { aborted: signal.aborted, timedOut: ended.signal.aborted });
    } finally {
      callOff();
      signal.removeEventListener('abort', abort);
    }
  };
}
