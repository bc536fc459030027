import type { KitError } from '@pik/schema';

import type { Answer } from '../http/call.ts';
import { fromErrorMessage } from './error-message.ts';
import type { FromReader, ToReader } from './messages.ts';

/** Messages that concern one answer. */
type AnswerMessage = Extract<FromReader, { readonly id: number }>;

/** Answers that one thread owes. */
export interface AwaitedAnswers {
  add(id: number): Promise<Answer>;
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
  const pieces = new Map<number, Waiting<Uint8Array | null>>();
  let lost: KitError | null = null;
  const nextPiece = (id: number): Promise<Uint8Array | null> => {
    if (lost !== null) return Promise.reject(lost);
    const waiting = Promise.withResolvers<Uint8Array | null>();
    pieces.set(id, waiting);
    post({ type: 'pull', id });
    return waiting.promise;
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
    add(id) {
      const waiting = Promise.withResolvers<Answer>();
      answers.set(id, waiting);
      return waiting.promise;
    },
    receive(message) {
      const { id } = message;
      if (message.type === 'answer') {
        const body = message.body === 'stream' ? streamOf(id) : message.body;
        take(answers, id)?.resolve({ ...message.head, body });
      } else if (message.type === 'piece') take(pieces, id)?.resolve(message.bytes);
      else (take(answers, id) ?? take(pieces, id))?.reject(fromErrorMessage(message.error));
    },
    lose(error) {
      lost = error;
      for (const waiting of [...answers.values(), ...pieces.values()]) waiting.reject(error);
      answers.clear();
      pieces.clear();
    },
    get count() {
      return answers.size;
    },
  };
}

function take<T>(waiting: Map<number, Waiting<T>>, id: number): Waiting<T> | undefined {
  const found = waiting.get(id);
  waiting.delete(id);
  return found;
}
