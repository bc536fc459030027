import type { ConnectionOptions } from '../../connection/connection.ts';
import type { Timers } from '../../connection/timers.ts';
import type { Log } from '../log.ts';
import type { BatchContent, OpenBatch, Poster } from '../poster.ts';
import type { Settings } from '../settings.ts';
import { sharedThreads } from './shared-threads.ts';
import { EventRate, mayLeaveNow, planThread, type ThreadPlan, threadTarget } from './thread-choice.ts';
import { ThreadPoster } from './thread-poster.ts';
import type { ThreadUse } from './threads.ts';

/** Dependencies of the poster of a producer. */
export interface ProducerPosterDeps {
  readonly connection: ConnectionOptions & { readonly outbox?: unknown };
  readonly settings: Settings;
  /** Makes the requests in this thread. */
  readonly inline: Poster;
  readonly timers: Timers;
  readonly log: Log;
}

/** Makes the requests of a producer in this thread, or in another one from the moment on at which that pays. */
export class ProducerPoster implements Poster {
  readonly #deps: ProducerPosterDeps;
  readonly #plan: ThreadPlan;
  readonly #rate: EventRate;
  #elsewhere: { readonly poster: Poster; readonly use: ThreadUse } | null = null;
  /** The use of threads has ended for good. */
  #isOver = false;

  constructor(deps: ProducerPosterDeps) {
    this.#deps = deps;
    this.#plan = planThread(deps.settings.thread, deps.connection);
    this.#rate = new EventRate(deps.connection.outbox !== undefined, deps.timers.now());
    if (this.#plan.obstacle !== null) this.#logUnavailable(this.#plan.obstacle);
    // The thread loads while the first events are emitted.
    if (this.#plan.when === 'at once') this.#moveOut().thread();
  }

  /** Whether another thread does what an event does not need at `emit`. */
  get isElsewhere(): boolean {
    return this.#elsewhere !== null;
  }

  open(content: BatchContent): OpenBatch {
    const { inline, timers } = this.#deps;
    const mayMove = this.#plan.when === 'when it pays' && this.#elsewhere === null && !this.#isOver;
    if (mayMove && this.#rate.add(content.count, timers.now())) this.#moveOut();
    return (this.#elsewhere?.poster ?? inline).open(content);
  }

  /** Releases the thread. Requests from now on are made in this one. */
  close(): void {
    this.#isOver = true;
    this.#elsewhere?.use.release();
    this.#elsewhere = null;
  }

  #moveOut(): ThreadUse {
    const { connection, settings, inline, log } = this.#deps;
    const use = sharedThreads.use({ onLost: (loss) => this.#onLost(loss) });
    const thread = () => (this.#elsewhere !== null && mayLeaveNow(connection) ? use.thread() : null);
    const poster = new ThreadPoster({ target: threadTarget(connection, settings), thread, inline });
    this.#elsewhere = { poster, use };
    log({ level: 'debug', event: 'thread_started' });
    return use;
  }

  #onLost({ reason, isOver }: { readonly reason: string; readonly isOver: boolean }): void {
    if (isOver) {
      this.close();
      this.#logUnavailable(reason);
    } else this.#deps.log({ level: 'warn', event: 'thread_ended', detail: reason });
  }

  #logUnavailable(detail: string): void {
    this.#deps.log({ level: 'warn', event: 'thread_unavailable', detail });
  }
}
