import { sendError } from '../../connection/connection.ts';
import { acceptedParts } from '../accepted-results.ts';
import { contentOf } from '../content-transfer.ts';
import { type InlineBatch, InlinePoster } from '../inline-poster.ts';
import { openPost } from '../post.ts';
import { indexesOf } from '../poster.ts';
import type { Post } from '../posting.ts';
import type { RequestPath } from '../transport.ts';
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

/** A batch in the thread, and the indexes of its last request. */
interface HeldBatch {
  readonly count: number;
  readonly open: InlineBatch;
  selection: number;
  indexes: readonly number[];
}

/** A request in the thread. */
interface Posting {
  readonly request: number;
  readonly path: RequestPath;
  readonly batch: HeldBatch;
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
    if (message.kind === 'post') this.#start(message);
    else if (message.kind === 'abort') this.#aborts.get(message.request)?.abort();
    else {
      this.#batches.get(message.batch)?.open.end();
      this.#batches.delete(message.batch);
    }
  }

  /** Nothing that waits for the answer may hold the message, which has the texts of the batch. */
  #start(message: Request): void {
    const { request, path } = message;
    try {
      void this.#post({ request, path, batch: this.#batchOf(message) });
    } catch (cause) {
      this.#port.postMessage({ request, bytes: 0, error: errorParts(sendError(cause)) });
    }
  }

  async #post(posting: Posting): Promise<void> {
    const ended = new AbortController();
    this.#aborts.set(posting.request, ended);
    const answer = await answerOf(posting, ended.signal);
    this.#aborts.delete(posting.request);
    this.#port.postMessage(answer, transferOf(answer));
  }

  #batchOf({ batch: number, opening, selection, indexes }: Request): HeldBatch {
    let batch = this.#batches.get(number);
    if (opening !== null && batch === undefined) {
      const content = contentOf(opening.parts);
      const open = this.#posterOf(opening.target).open(content);
      batch = { count: content.count, open, selection: -1, indexes: [] };
      this.#batches.set(number, batch);
    }
    if (batch === undefined) throw new RangeError(`batch ${number} was released`);
    if (batch.selection !== selection) {
      batch.indexes = indexes ?? indexesOf(0, batch.count);
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

async function answerOf({ request, path, batch }: Posting, signal: AbortSignal): Promise<FromThread> {
  const { open, indexes } = batch;
  try {
    const results = await open.post(indexes, { path, signal });
    const about = { request, bytes: open.bytes };
    const eventIds = open.eventIds;
    const accepted = results.length === indexes.length ? acceptedParts(results, eventIds) : null;
    return accepted === null ? { ...about, results, eventIds } : { ...about, accepted };
  } catch (cause) {
    return { request, bytes: open.bytes, error: errorParts(sendError(cause)) };
  }
}

function transferOf(answer: FromThread): readonly ArrayBuffer[] {
  return 'accepted' in answer ? [answer.accepted.lagsMs.buffer, answer.accepted.lines.buffer] : [];
}
