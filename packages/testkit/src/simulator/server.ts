import { createContext, createPipeline, type Pipeline, type PipelineOptions, rebuildIndex } from '@pik/engine';
import { type LocalBackend, openLocalBackend, openLocalRebuild } from '@pik/engine/local';
import { KitError } from '@pik/schema';

import { Gone, type Process, type World } from './world.ts';

/** The data directory of the server. */
export const DIR = '/data';

/** A running server: its pipeline, and the backend behind it. */
export interface Running {
  readonly process: Process;
  readonly pipeline: Pipeline;
  readonly backend: LocalBackend;
}

/** How a server is run. */
export interface ServerOptions extends Omit<PipelineOptions, 'backend'> {
  /** Called before each start, for faults of the machine between two processes. */
  readonly onStart?: (() => void) | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** A server on one machine that starts again after each death, as under a supervisor. */
export class Server {
  readonly #world: World;
  readonly #options: Omit<PipelineOptions, 'backend'>;
  readonly #onStart: () => void;
  readonly #onWarning: ((message: string) => void) | undefined;
  #running: Running | null = null;
  #reviving: Promise<void> | null = null;
  #asked = 0;
  #isStopping = false;
  readonly #idlers: (() => void)[] = [];
  starts = 0;

  /** A server that is not started yet. */
  constructor(world: World, { onStart = () => {}, onWarning, ...options }: ServerOptions = {}) {
    this.#world = world;
    this.#onStart = onStart;
    this.#onWarning = onWarning;
    this.#options = options;
  }

  /** The running server; null between a death and the next start. */
  get running(): Running | null {
    return this.#running === null || this.#running.process.isDead ? null : this.#running;
  }

  /** Starts processes until one opens the directory. Throws errors that no later start can fix. */
  async start(): Promise<Running> {
    for (let tries = 0; ; tries++) {
      const process = this.#world.process('server');
      this.#onStart();
      try {
        this.#running = await this.#world.post(process, 'start', () => this.#open(process));
        this.starts += 1;
        return this.#running;
      } catch (error) {
        this.#world.kill(process);
        if (!isMendable(error) || tries > 20) throw error;
      }
    }
  }

  /** Starts it again if it is dead; those who ask at the same time wait for the same start. */
  async revive(): Promise<void> {
    if (this.running !== null || this.#isStopping) return;
    this.#reviving ??= this.start().then(() => {
      this.#reviving = null;
    });
    await this.#reviving;
  }

  /** Rebuilds the index from the log, as `pik rebuild` does while no server runs; false if the process died. */
  async rebuild(): Promise<boolean> {
    const process = this.#world.process('rebuild');
    try {
      return await this.#world.post(process, 'rebuild', async () => {
        const work = await openLocalRebuild({ dir: DIR, clock: clockOf(this.#world) });
        try {
          await rebuildIndex(createContext({ ...this.#options, backend: work.backend }), { answered: work.answered });
          await work.finish();
        } catch (error) {
          await work.cancel();
          throw error;
        }
        return true;
      });
    } catch (error) {
      this.#world.kill(process);
      if (!isMendable(error) && !isDiskFault(error)) throw error;
      return false;
    }
  }

  /** Asks the server; rejects with `Gone` if it dies before it has answered. */
  async ask<T>(name: string, question: (running: Running) => Promise<T>): Promise<T> {
    const { running } = this;
    if (running === null || this.#isStopping) throw new Gone('no server is running');
    this.#asked += 1;
    try {
      return await this.#world.post(running.process, name, () => question(running));
    } finally {
      this.#asked -= 1;
      if (this.#asked === 0) for (const idle of this.#idlers.splice(0)) idle();
    }
  }

  /** Ends the process at once. */
  kill(): void {
    if (this.#running !== null) this.#world.kill(this.#running.process);
  }

  /** Ends the process as a signal does: it gets no new requests, and answers those in flight first. */
  async stop(): Promise<void> {
    const { running } = this;
    if (running === null || this.#isStopping) return;
    this.#isStopping = true;
    try {
      if (this.#asked > 0) await new Promise<void>((resolve) => this.#idlers.push(resolve));
      await this.#world.post(running.process, 'stop', () => running.pipeline.close());
      this.#world.end(running.process);
    } catch (error) {
      this.#world.kill(running.process);
      if (!isMendable(error)) throw error;
    } finally {
      this.#isStopping = false;
    }
  }

  async #open(process: Process): Promise<Running> {
    const backend = await openLocalBackend({ dir: DIR, clock: clockOf(this.#world), onWarning: this.#onWarning });
    return { process, backend, pipeline: createPipeline({ ...this.#options, backend }) };
  }
}

/** True for an error of the file system, which a command shows as it is. */
function isDiskFault(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EIO' || error.code === 'ENOSPC');
}

/** True for an error after which the same call may succeed, which includes the death of the process. */
export function isMendable(error: unknown): boolean {
  if (error instanceof Gone) return true;
  if (!KitError.is(error)) return false;
  return error.retryable || error.code === 'DATA_DIR_UNUSABLE' || error.code === 'STORAGE_FULL';
}

function clockOf(world: World) {
  return { now: () => world.nowMs, monotonicMs: () => world.steadyMs };
}
