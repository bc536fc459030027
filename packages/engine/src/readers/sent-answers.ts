import type { Transferable } from 'node:worker_threads';

import type { Answer } from '../http/call.ts';
import { toErrorMessage } from '../threads/error-message.ts';
import type { FromReader } from './messages.ts';

/** Sends a message, and gives away the memory of its bytes. */
export type Post = (message: FromReader, transfer?: readonly Transferable[]) => void;

/** Answers on their way to the thread that asked. */
export interface SentAnswers {
  send(id: number, answer: Answer): void;
  fail(id: number, error: unknown): void;
  /** Sends the next piece of a streamed answer. */
  piece(id: number): Promise<void>;
  /** Ends a streamed answer that nobody reads any more. */
  cancel(id: number): Promise<void>;
  /** Streamed answers that have not ended. */
  readonly streams: number;
}

/** Creates the sending side of one thread. */
export function createSentAnswers(post: Post): SentAnswers {
  const streams = new Map<number, ReadableStreamDefaultReader<Uint8Array>>();
  const fail = (id: number, error: unknown) => {
    streams.delete(id);
    post({ type: 'failed', id, error: toErrorMessage(error) });
  };
  return {
    send(id, { body, ...head }) {
      if (body instanceof ReadableStream) {
        streams.set(id, body.getReader());
        return post({ type: 'answer', id, head, body: 'stream' });
      }
      const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
      post({ type: 'answer', id, head, body: bytes }, memoryOf(bytes));
    },
    fail,
    async piece(id) {
      try {
        const { done, value } = (await streams.get(id)?.read()) ?? { done: true, value: undefined };
        if (done) streams.delete(id);
        const bytes = value === undefined ? null : new Uint8Array(value);
        post({ type: 'piece', id, bytes }, memoryOf(bytes));
      } catch (error) {
        fail(id, error);
      }
    },
    async cancel(id) {
      const stream = streams.get(id);
      streams.delete(id);
      await stream?.cancel().catch(() => {});
    },
    get streams() {
      return streams.size;
    },
  };
}

function memoryOf(bytes: Uint8Array<ArrayBuffer> | null): ArrayBuffer[] {
  return bytes === null ? [] : [bytes.buffer];
}
