import { callError } from '../../connection/connection.ts';
import type { FromThread, ToThread } from './messages.ts';

/** A running thread, as the platform provides it. */
export interface ThreadHandle {
  post(message: ToThread, transfer: readonly ArrayBuffer[]): void;
  /** Sets the listeners; called once, before any message. */
  listen(listeners: ThreadListeners): void;
  /** Whether the thread keeps the process alive. At first it does not. */
  hold(isHeld: boolean): void;
  stop(): void;
}

/** Listeners of a thread. */
export interface ThreadListeners {
  readonly onMessage: (message: FromThread) => void;
  /** The thread has loaded its file and takes messages. */
  readonly onReady: () => void;
  /** The thread has ended, for whatever reason. */
  readonly onEnd: (reason: string) => void;
}

/** Parts of a message to post. */
export type PostMessage = Omit<Extract<ToThread, { kind: 'post' }>, 'kind' | 'request'>;

/** Somebody who waits for the outcome of a request. */
interface Waiting {
  readonly resolve: (answer: FromThread | null) => void;
  readonly signal: AbortSignal;
  readonly abort: () => void;
}

/** Requests and answers of one thread. */
export class PostingThread {
  /** Whether the thread has loaded its file. If it could not, another thread cannot either. */
  isReady = false;
  /** Why the thread has ended; null while it runs. */
  ended: string | null = null;
  readonly #handle: ThreadHandle;
  readonly #waiting = new Map<number, Waiting>();
  #lastNumber = 0;

  constructor(handle: ThreadHandle, onEnd: (thread: PostingThread) => void) {
    this.#handle = handle;
    handle.listen({
      onMessage: (answer) => this.#settle(answer.request, answer),
      onReady: () => {
        this.isReady = true;
      },
      onEnd: (reason) => {
        if (this.ended !== null) return;
        this.ended = reason;
        onEnd(this);
        for (const request of [...this.#waiting.keys()]) this.#settle(request, null);
      },
    });
  }

  /** A number that this thread has not seen. */
  newNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  /**
   * Posts records. Resolves with the outcome, or with null if the thread has ended before it was known.
   *
   * @throws KitError `ABORTED` when the signal aborts, also if the thread does not answer.
   */
  post(message: PostMessage, signal: AbortSignal): Promise<FromThread | null> {
    if (this.ended !== null) return Promise.resolve(null);
    const request = this.newNumber();
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#take(request);
        this.#send({ kind: 'abort', request });
        reject(callError(signal.reason, { aborted: true, timedOut: false }));
      };
      if (this.#waiting.size === 0) this.#handle.hold(true);
      this.#waiting.set(request, { resolve, signal, abort });
      signal.addEventListener('abort', abort);
      this.#send({ kind: 'post', request, ...message });
    });
  }

  /** Releases a batch. */
  end(batch: number): void {
    if (this.ended === null) this.#send({ kind: 'end', batch });
  }

  stop(): void {
    this.#handle.stop();
  }

  #settle(request: number, answer: FromThread | null): void {
    this.#take(request)?.resolve(answer);
  }

  /** Ends the wait for a request. */
  #take(request: number): Waiting | undefined {
    const waiting = this.#waiting.get(request);
    if (waiting === undefined) return undefined;
    waiting.signal.removeEventListener('abort', waiting.abort);
    this.#waiting.delete(request);
    if (this.#waiting.size === 0) this.#handle.hold(false);
    return waiting;
  }

  #send(message: ToThread): void {
    const parts = message.kind === 'post' ? message.opening?.parts : undefined;
    this.#handle.post(message, parts?.kind === 'records' ? [parts.bytes.buffer] : []);
  }
}
