// A thread in the thread of the test: every message is copied as between threads, and the requests go to the `fetch` of
// the producer that they belong to. So suites over scripted backends and virtual time also run through the thread.
import type { ConnectionOptions } from '../../src/connection/connection.ts';
import { openPost } from '../../src/producer/post.ts';
import type { Settings } from '../../src/producer/settings.ts';
import type { FromThread, ThreadTarget, ToThread } from '../../src/producer/thread/messages.ts';
import type { ThreadHandle } from '../../src/producer/thread/posting-thread.ts';
import { serveThread } from '../../src/producer/thread/serve-thread.ts';
import type { ThreadPlan } from '../../src/producer/thread/thread-choice.ts';

/** The connections of producers by the URL under which the thread knows them. */
const connections = new Map<string | undefined, ConnectionOptions>();
/** Counts of messages and threads. */
export const seen = { posts: 0, ends: 0, threads: 0 };
/** Ends the running threads, as a lack of memory would. */
const kills = new Set<() => void>();

/** Ends all running threads. */
export function killThreads(): void {
  for (const kill of [...kills]) kill();
}

/** Whether the next producers use a thread. */
export const next = { usesThread: true };

/** Replaces `thread-choice.ts`: every producer without a transport of its own uses a thread at once. */
export const choice = {
  planThread: (): ThreadPlan => ({ when: next.usesThread ? 'at once' : 'never', obstacle: null }),
  mayLeaveNow: () => true,
  threadTarget(connection: ConnectionOptions, { requestTimeoutMs, gzipBytesMin }: Settings): ThreadTarget {
    const url = `loopback:${connections.size}`;
    connections.set(url, connection);
    return { url, apiKey: undefined, requestTimeoutMs, gzipBytesMin };
  },
};

/** Replaces `startNodeThread`. */
export function startLoopback(): ThreadHandle {
  seen.threads += 1;
  let isOver = false;
  let deliver: (message: ToThread) => void = () => {};
  const waiting: Parameters<ThreadHandle['listen']>[0][] = [];
  const end = (reason: string) => {
    if (isOver) return;
    isOver = true;
    kills.delete(kill);
    for (const { onEnd } of waiting) onEnd(reason);
  };
  const kill = () => end('killed by the test');
  kills.add(kill);
  const later = (run: () => void) => void Promise.resolve().then(() => isOver || run());
  serveThread(
    {
      on(_, listener) {
        deliver = listener;
      },
      postMessage(message, transfer = []) {
        const copy = structuredClone(message, { transfer: [...transfer] });
        later(() => {
          for (const { onMessage, onReady } of waiting)
            if ('ready' in copy) onReady();
            else onMessage(copy as FromThread);
        });
      },
    },
    ({ url }) => openPost(connections.get(url) ?? {}),
  );
  return {
    post(message, transfer) {
      if (message.kind === 'post') seen.posts += 1;
      if (message.kind === 'end') seen.ends += 1;
      const copy = structuredClone(message, { transfer: [...transfer] });
      later(() => deliver(copy));
    },
    listen: (listeners) => void waiting.push(listeners),
    hold: () => {},
    stop: () => end('stopped'),
  };
}
