import { fromErrorMessage } from '../threads/error-message.ts';
import type { ToReader } from './messages.ts';
import type { Write } from './remote-writes.ts';
import type { Post } from './sent-answers.ts';

/** Writes that another thread does for this one. */
export interface SentWrites {
  /** Resolves with the result of the write. */
  send(write: Write): Promise<unknown>;
  settle(message: ToReader & { type: 'written' | 'refused' }): void;
}

/** Creates the sending side of one thread. */
export function createSentWrites(post: Post): SentWrites {
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  let lastId = 0;
  return {
    send(write) {
      const { promise, ...settle } = Promise.withResolvers<unknown>();
      lastId += 1;
      waiting.set(lastId, settle);
      post({ type: 'write', id: lastId, write });
      return promise;
    },
    settle(message) {
      const found = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.type === 'written') found?.resolve(message.result);
      else found?.reject(fromErrorMessage(message.error));
    },
  };
}
