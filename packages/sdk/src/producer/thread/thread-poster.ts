import { callError } from '../../connection/connection.ts';
import { AcceptedResults } from '../accepted-results.ts';
import type { BatchContent, OpenBatch, PostedResults, Poster, PostOptions } from '../poster.ts';
import { errorOf, type FromThread, type ThreadTarget } from './messages.ts';
import type { PostingThread } from './posting-thread.ts';

/** Dependencies of a poster over a thread. */
export interface ThreadPosterDeps {
  readonly target: ThreadTarget;
  /** The thread to use now; null: none. */
  readonly thread: () => PostingThread | null;
  /** Makes the requests while there is no thread. */
  readonly inline: Poster;
}

/** A batch whose requests cost this many threads their lives is posted from this thread. */
const LOSSES_MAX = 2;

/** Makes requests in another thread, and in this one while there is none. */
export class ThreadPoster implements Poster {
  readonly #deps: ThreadPosterDeps;

  constructor(deps: ThreadPosterDeps) {
    this.#deps = deps;
  }

  open(content: BatchContent): OpenBatch {
    return new ThreadBatch(this.#deps, content);
  }
}

class ThreadBatch implements OpenBatch {
  bytes = 0;
  readonly #deps: ThreadPosterDeps;
  readonly #content: BatchContent;
  /** The thread that has the content, and the batch's number there. */
  #held: { readonly thread: PostingThread; readonly batch: number } | null = null;
  /** Set once this thread makes the requests: the other one may not have the content any more. */
  #inline: OpenBatch | null = null;
  #losses = 0;
  #indexes: readonly number[] | null = null;
  #selection = 0;

  constructor(deps: ThreadPosterDeps, content: BatchContent) {
    this.#deps = deps;
    this.#content = content;
  }

  async post(indexes: readonly number[], options: PostOptions): Promise<PostedResults> {
    while (this.#inline === null && this.#losses < LOSSES_MAX) {
      const thread = this.#deps.thread();
      if (thread === null) break;
      const answer = await this.#postIn(thread, indexes, options);
      if (answer !== null) return this.#resultsOf(answer, indexes);
      this.#losses += 1;
    }
    this.#inline ??= this.#deps.inline.open(this.#content);
    try {
      return await this.#inline.post(indexes, options);
    } finally {
      this.bytes = this.#inline.bytes;
    }
  }

  end(): void {
    this.#inline?.end();
    this.#held?.thread.end(this.#held.batch);
  }

  #postIn(
    thread: PostingThread,
    indexes: readonly number[],
    { path, signal }: PostOptions,
  ): Promise<FromThread | null> {
    if (signal.aborted) throw callError(signal.reason, { aborted: true, timedOut: false });
    const { parts, count } = this.#content;
    if (parts === undefined) return Promise.resolve(null);
    const isNew = this.#held?.thread !== thread;
    if (isNew || this.#held === null) this.#held = { thread, batch: thread.newNumber() };
    if (this.#indexes !== indexes) this.#selection += 1;
    this.#indexes = indexes;
    const message = {
      batch: this.#held.batch,
      opening: isNew ? { target: this.#deps.target, parts: parts() } : null,
      selection: this.#selection,
      indexes: indexes.length === count ? null : indexes,
      path,
    };
    return thread.post(message, signal);
  }

  #resultsOf(answer: FromThread, indexes: readonly number[]): PostedResults {
    this.bytes = answer.bytes;
    if ('error' in answer) throw errorOf(answer.error);
    if ('accepted' in answer) return new AcceptedResults(answer.accepted);
    const { onEventId } = this.#content;
    for (const [i, index] of indexes.entries()) onEventId?.(index, answer.eventIds[i] ?? null);
    return answer.results;
  }
}
