import type { KitError } from '@pik/schema';

import type { CompactSummary, WorkResult } from '../api/pipeline.ts';
import type { Answer } from '../http/call.ts';
import { fromErrorMessage } from '../threads/error-message.ts';
import type { FromReader, ToReader } from './messages.ts';

/** Messages that concern one answer. */
type AnswerMessage = Exclude<Extract<FromReader, { readonly id: number }>, { readonly type: 'write' }>;

/** Answers that one thread owes. */
export interface AwaitedAnswers {
  add(id: number): Promise<Answer>;
  /** The same for a message of the queue. */
  addWork(id: number): Promise<WorkResult>;
  /** The same for a compaction. */
  addCompaction(id: number): Promise<CompactSummary>;
  receive(message: AnswerMessage): void;
  /** Fails all answers, and all streams from now on. */
  lose(error: KitError): void;
  /** Questions that have no answer yet. */
  readonly count: number;
}

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** Creates the receiving side of one thread. A streamed answer asks for each piece when its reader does. */
export function createAwaitedAnswers(post: (message: ToReader) => void): AwaitedAnswers {
  const answers = new Map<number, Waiting<Answer>>();
  const works = new Map<number, Waiting<WorkResult>>();
  const compactions = new Map<number, Waiting<CompactSummary>>();
  const pieces = new Map<number, Waiting<Uint8Array | null>>();
  let lost: KitError | null = null;
  const nextPiece = (id: number): Promise<Uint8Array | null> => {
    if (lost !== null) return Promise.reject(lost);
    const piece = put(pieces, id);
    post({ type: 'pull', id });
    return piece;
  };
  const streamOf = (id: number) =>
    new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const bytes = await nextPiece(id);
          if (bytes === null) controller.close();
          else controller.enqueue(bytes);
        },
        cancel: () => post({ type: 'cancel', id }),
      },
      { highWaterMark: 0 },
    );
  return {
    add: (id) => put(answers, id),
    addWork: (id) => put(works, id),
    addCompaction: (id) => put(compactions, id),
    receive(message) {
      const { id } = message;
      if (message.type === 'answer') {
        const body = message.body === 'stream' ? streamOf(id) : message.body;
        take(answers, id)?.resolve({ ...message.head, body });
      } else if (message.type === 'piece') take(pieces, id)?.resolve(message.bytes);
      else if (message.type === 'worked') take(works, id)?.resolve(message.result);
      else if (message.type === 'compacted') take(compactions, id)?.resolve(message.result);
      else {
        const waiting = take(answers, id) ?? take(pieces, id) ?? take(works, id) ?? take(compactions, id);
        waiting?.reject(fromErrorMessage(message.error));
      }
    },
    lose(error) {
      lost = error;
      for (const waiting of [answers, pieces, works, compactions]) {
        for (const { reject } of waiting.values()) reject(error);
        waiting.clear();
      }
    },
    get count() {
      return answers.size;
    },
  };
}

function put<T>(waiting: Map<number, Waiting<T>>, id: number): Promise<T> {
  const { promise, ...settle } = Promise.withResolvers<T>();
  waiting.set(id, settle);
  return promise;
}

function take<T>(waiting: Map<number, Waiting<T>>, id: number): Waiting<T> | undefined {
  const found = waiting.get(id);
  waiting.delete(id);
  return found;
}
