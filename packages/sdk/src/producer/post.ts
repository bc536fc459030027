import {
  type ConnectionOptions,
  callError,
  requestTo,
  sendOf,
  targetOf,
  unlessAborted,
} from '../connection/connection.ts';
import { unrefTimeout } from '../connection/timers.ts';
import { nodePost } from './post-node.ts';
import type { Answer, Post } from './posting.ts';

/**
 * Transport of a producer's batches: `node:http` on Node, where it takes a third of the time of `fetch`; `fetch` on
 * other platforms, if the caller passes one, and while Node's own `fetch` is routed differently from its agents.
 *
 * @throws KitError `CONFIG_INVALID` for an unusable URL or key.
 */
export function openPost(options: ConnectionOptions): Post {
  if (options.fetch !== undefined) return fetchPost(options);
  // Created on first use: on Node, tests may run in environments without `fetch`, such as jsdom.
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
      // Some implementations of `fetch` ignore the signal; none may block a batch for ever.
      return await unlessAborted(ended.signal, () => exchange(requestTo(base + path, init)));
    } catch (cause) {
      throw callError(cause, { aborted: signal.aborted, timedOut: ended.signal.aborted });
    } finally {
      callOff();
      signal.removeEventListener('abort', abort);
    }
  };
}
