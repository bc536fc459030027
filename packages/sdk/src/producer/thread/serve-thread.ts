import { sendError } from '../../connection/connection.ts';
import { acceptedParts } from '../accepted-results.ts';
import { contentOf } from '../content-transfer.ts';
import { type InlineBatch, InlinePoster } from '../inline-poster.ts';
import { openPost } from '../post.ts';
import type { BatchContent } from '../poster.ts';
import type { Post } from '../posting.ts';
import { errorParts, type FromThread, type ThreadReady, type ThreadTarget, type ToThread } from './messages.ts';

/** The end of the thread at which it gets messages and answers them. */
export interface ThreadPort {
  on(event: 'message', listener: (message: ToThread) => void): void;
  postMessage(message: FromThread | ThreadReady, transfer?: readonly ArrayBuffer[]): void;
}

/** Makes the transport of a target. */
export type OpenPost = (target: ThreadTarget) => Post;

type Request = Extract<ToThread, { kind: 'post' }>;

/** Makes the requests of producers in another thread, for as long as that thread lives. */
export function serveThread(port: ThreadPort, open: OpenPost = openPost): void {
  const server = new Server(port, open);
  port.on('message', (message) => server.take(message));
  port.postMessage({ ready: true });
}

/** A batch in the thread: its content, and the indexes of its last request. */
interface HeldBatch {
  readonly content: BatchContent;
  readonly open: InlineBatch;
  selection: number;
  indexes: readonly number[];
}

class Server {
  readonly #port: ThreadPort;
  readonly #openPost: OpenPost;
  /** Transports by target, so that all requests of a producer share connections. */
  readonly #posters = new Map<string, InlinePoster>();
  readonly #batches = new Map<number, HeldBatch>();
  readonly #aborts = new Map<number, AbortController>();

  constructor(port: ThreadPort, open: OpenPost) {
    this.#port = port;
    this.#openPost = open;
  }

  take(message: ToThread): void {
    if (message.kind === 'post') void this.#post(message);
    else if (message.kind === 'abort') this.#aborts.get(message.request)?.abort();
    else {
      this.#batches.get(message.batch)?.open.end();
      this.#batches.delete(message.batch);
    }
  }

  async #post(request: Request): Promise<void> {
    const ended = new AbortController();
    this.#aborts.set(request.request, ended);
    const answer = await this.#answer(request, ended.signal);
    this.#aborts.delete(request.request);
    this.#port.postMessage(answer, transferOf(answer));
  }

  async #answer(request: Request, signal: AbortSignal): Promise<FromThread> {
    const about = { request: request.request, bytes: 0 };
    try {
      const batch = this.#batchOf(request);
      const { open, indexes } = batch;
      try {
        const results = await open.post(indexes, { path: request.path, signal });
        about.bytes = open.bytes;
        const eventIds = open.eventIds;
        const accepted = results.length === indexes.length ? acceptedParts(results, eventIds) : null;
        return accepted === null ? { ...about, results, eventIds } : { ...about, accepted };
      } finally {
        about.bytes = open.bytes;
      }
    } catch (cause) {
      return { ...about, error: errorParts(sendError(cause)) };
    }
  }

  #batchOf({ batch: number, opening, selection, indexes }: Request): HeldBatch {
    let batch = this.#batches.get(number);
    if (opening !== null && batch === undefined) {
      const content = contentOf(opening.parts);
      batch = { content, open: this.#posterOf(opening.target).open(content), selection: -1, indexes: [] };
      this.#batches.set(number, batch);
    }
    if (batch === undefined) throw new RangeError(`batch ${number} was released`);
    if (batch.selection !== selection) {
      batch.indexes = indexes ?? Array.from({ length: batch.content.count }, (_, index) => index);
      batch.selection = selection;
    }
    return batch;
  }

  #posterOf(target: ThreadTarget): InlinePoster {
    const name = JSON.stringify(target);
    let poster = this.#posters.get(name);
    if (poster === undefined) {
      poster = new InlinePoster({ ...target, post: this.#openPost(target) });
      this.#posters.set(name, poster);
    }
    return poster;
  }
}

function transferOf(answer: FromThread): readonly ArrayBuffer[] {
  return 'accepted' in answer ? [answer.accepted.lagsMs.buffer, answer.accepted.lines.buffer] : [];
}
