import { PostingThread, type ThreadHandle } from './posting-thread.ts';

/** Starts a thread. Throws if the platform refuses. */
export type StartThread = () => ThreadHandle;

/** A thread that ends this often does so for a reason that will not pass. */
const LOSSES_MAX = 5;

/** Uses of the thread that all producers of a process share. */
export interface ThreadUse {
  /** The running thread, started if there is none; null if none can run. */
  thread(): PostingThread | null;
  /** Ends the use. The thread stops with the last one. */
  release(): void;
}

/** Listeners of a use. */
export interface ThreadUser {
  /** The thread has ended, or could not start. `isOver`: there will be no other. */
  readonly onLost: (loss: { readonly reason: string; readonly isOver: boolean }) => void;
}

/** The one thread of a process, for as long as somebody uses it. A thread that has ended is replaced. */
export class Threads {
  readonly #start: StartThread;
  readonly #users = new Set<ThreadUser>();
  #current: PostingThread | null = null;
  #losses = 0;
  /** Why no thread can run; null while one can. */
  #obstacle: string | null = null;

  constructor(start: StartThread) {
    this.#start = start;
  }

  /** Starts to use the thread. */
  use(user: ThreadUser): ThreadUse {
    this.#users.add(user);
    return {
      thread: () => this.#running(),
      release: () => {
        this.#users.delete(user);
        if (this.#users.size > 0) return;
        const unused = this.#current;
        this.#current = null;
        unused?.stop();
      },
    };
  }

  #running(): PostingThread | null {
    if (this.#obstacle !== null) return null;
    if (this.#current !== null && this.#current.ended === null) return this.#current;
    try {
      this.#current = new PostingThread(this.#start(), (thread) => this.#onEnd(thread));
    } catch (cause) {
      this.#lose(cause instanceof Error ? cause.message : String(cause), true);
      return null;
    }
    return this.#current;
  }

  #onEnd(thread: PostingThread): void {
    // A thread that was stopped because nobody used it.
    if (this.#current !== thread) return;
    this.#current = null;
    this.#losses += 1;
    this.#lose(thread.ended ?? '', !thread.isReady || this.#losses >= LOSSES_MAX);
  }

  #lose(reason: string, isOver: boolean): void {
    if (isOver) this.#obstacle = reason;
    for (const { onLost } of this.#users) onLost({ reason, isOver });
  }
}
