import { setImmediate as turn } from 'node:timers/promises';

import { SimDisk as Disk, type SimDisk } from './disk.ts';
import { createWords, type Tape } from './tape.ts';

/** Thrown instead of an effect that a dead process can no longer have. */
export class Gone extends Error {}

/** A process of the world. A dead one has no further effect. */
export interface Process {
  readonly name: string;
  readonly isDead: boolean;
}

class LivingProcess implements Process {
  isDead = false;
  readonly onDeath = new Set<(error: Gone) => void>();
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** The faults that one call may have. */
export type CallFault = 'error' | 'full' | 'short';

/** Each fault occurs once in this many calls; 0: never. */
export interface FaultRates {
  readonly error: number;
  readonly full: number;
  readonly short: number;
  /** The process ends before or after a call. */
  readonly death: number;
}

/** No faults. */
export const NO_FAULTS: FaultRates = { error: 0, full: 0, short: 0, death: 0 };

interface Waiting {
  readonly process: LivingProcess;
  readonly name: string;
  /** On the steady clock; null for a call that may happen at once. */
  readonly dueMs: number | null;
  readonly isFallible: boolean;
  readonly run: (fault: CallFault | null) => void;
}

/** A history with more steps counts as stuck. */
const STEPS_MAX = 20_000;

/** Calls that need space on the disk. */
const TAKES_SPACE = new Set(['write', 'mkdir', 'link', 'commit']);

/** Thrown if a history does not end. */
export class Stuck extends Error {}

/**
 * The world of one history: its time, its disk, its processes and what they wait for. One call takes effect at a time; which
 * one, and with which fault, is a decision of the tape.
 */
export class World {
  readonly disk: SimDisk = new Disk();
  readonly tape: Tape;
  /** The time that processes read, in milliseconds since the epoch. */
  nowMs = Date.UTC(2026, 0, 1, 10);
  /** The clock that nobody sets. */
  steadyMs = 1_000;
  steps = 0;
  deaths = 0;
  /** Receipts that were acknowledged to a sender. */
  acknowledged = 0;
  rates: FaultRates = NO_FAULTS;
  /** True if calls take effect in the order in which they were made. */
  isInOrder = false;
  /** The process whose code runs now. */
  current: LivingProcess | null = null;
  /** Called after each step. */
  onStep: (name: string) => void = () => {};
  readonly words: () => number;
  #waiting: Waiting[] = [];

  /** An empty world. */
  constructor(tape: Tape) {
    this.tape = tape;
    this.words = createWords([1, 2]);
  }

  /** Calls that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Starts a process. */
  process(name: string): Process {
    return new LivingProcess(name);
  }

  /** A call of the process that runs now, which takes effect when its turn comes. */
  call<T>(name: string, run: (fault: CallFault | null) => T): Promise<T> {
    return this.#wait({ process: this.running(), name, dueMs: null, isFallible: true }, run);
  }

  /** Like `call`, without faults. */
  later<T>(name: string, run: () => T): Promise<T> {
    return this.#wait({ process: this.running(), name, dueMs: null, isFallible: false }, run);
  }

  /** Runs something in a process when its turn comes; rejects with `Gone` if the process is dead or dies before it is done. */
  async post<T>(process: Process, name: string, work: () => T | Promise<T>): Promise<T> {
    const living = process as LivingProcess;
    if (living.isDead) throw new Gone(`${living.name} is gone`);
    return new Promise<T>((resolve, reject) => {
      living.onDeath.add(reject);
      const done = () => living.onDeath.delete(reject);
      this.#wait({ process: living, name, dueMs: null, isFallible: false }, work).then(
        (value) => {
          done();
          resolve(value);
        },
        (error) => {
          done();
          reject(error);
        },
      );
    });
  }

  /** Runs a function after a time of the steady clock; returns a function that cancels it. */
  timer(ms: number, run: () => void): () => void {
    const process = this.running();
    const one: Waiting = { process, name: 'timer', dueMs: this.steadyMs + ms, isFallible: false, run };
    this.#waiting.push(one);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== one);
    };
  }

  /** Makes a call that takes effect at once, such as a synchronous one. It may fail, and the process may end with it. */
  now<T>(name: string, run: (fault: CallFault | null) => T): T {
    const process = this.running();
    const fault = this.#fault(name);
    if (fault === 'before') throw this.#die(process);
    const result = run(fault === 'after' ? null : fault);
    if (fault === 'after') throw this.#die(process);
    return result;
  }

  /** The process that runs now. Throws `Gone` if it is dead. */
  running(): LivingProcess {
    if (this.current === null) throw new Error('a call outside of every process');
    if (this.current.isDead) throw new Gone(`${this.current.name} is gone`);
    return this.current;
  }

  /** Ends a process in the middle of its work. */
  kill(process: Process): void {
    if (!process.isDead) this.#die(process as LivingProcess);
  }

  /** Ends a process that has closed everything itself: no death. */
  end(process: Process): void {
    if (!process.isDead) this.#leave(process as LivingProcess);
  }

  /** Lets calls take effect, one after another, until the condition holds. Throws `Stuck`. */
  async runUntil(isDone: () => boolean): Promise<void> {
    await turn();
    while (!isDone()) {
      if (!this.#step()) throw new Stuck('nothing is left to do, and not everything is done');
      await turn();
      if (this.steps > STEPS_MAX) throw new Stuck(`not done after ${STEPS_MAX} steps`);
    }
  }

  #wait<T>({ process, ...rest }: Omit<Waiting, 'run'>, work: (fault: CallFault | null) => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const run = (fault: CallFault | null) => {
        try {
          resolve(work(fault));
        } catch (error) {
          if (error instanceof Gone) return;
          reject(error);
        }
      };
      this.#waiting.push({ process, ...rest, run });
    });
  }

  #step(): boolean {
    const ready = this.#waiting.filter(({ dueMs }) => dueMs === null || dueMs <= this.steadyMs);
    if (ready.length === 0) return this.#passTime();
    const next = ready[this.isInOrder ? 0 : this.tape.choose('next', Math.min(ready.length, 6))];
    if (next === undefined) return false;
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    this.steps += 1;
    this.pass(1);
    this.current = next.process;
    const fault = next.isFallible ? this.#fault(next.name) : null;
    if (fault === 'before') this.#die(next.process);
    else if (fault === 'after') {
      // The call has its effect; the process never learns of it.
      next.run(null);
      this.#die(next.process);
    } else next.run(fault);
    this.onStep(next.name);
    return true;
  }

  /** Time passes on both clocks. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.steadyMs += ms;
  }

  #passTime(): boolean {
    const due = this.#waiting.reduce((first, { dueMs }) => Math.min(first, dueMs ?? first), Number.POSITIVE_INFINITY);
    if (!Number.isFinite(due)) return false;
    this.pass(Math.max(0, due - this.steadyMs));
    return true;
  }

  #fault(name: string): CallFault | 'before' | 'after' | null {
    const { error, full, short, death } = this.rates;
    if (this.tape.chance(`death:${name}`, death)) return this.tape.pick('death', ['after', 'before']);
    if (this.tape.chance(`error:${name}`, error)) return 'error';
    if (TAKES_SPACE.has(name) && this.tape.chance(`full:${name}`, full)) return 'full';
    if (name === 'write' && this.tape.chance('short', short)) return 'short';
    return null;
  }

  #die(process: LivingProcess): Gone {
    this.deaths += 1;
    return this.#leave(process);
  }

  #leave(process: LivingProcess): Gone {
    process.isDead = true;
    this.#waiting = this.#waiting.filter((one) => one.process !== process);
    const gone = new Gone(`${process.name} is gone`);
    for (const reject of process.onDeath) reject(gone);
    process.onDeath.clear();
    return gone;
  }
}

/** The world of the history that runs now. One process plays one history at a time. */
let present: World | null = null;

/** Makes a world the present one. */
export function enterWorld(world: World | null): void {
  present = world;
}

/** The present world. */
export function theWorld(): World {
  if (present === null) throw new Error('no history is running');
  return present;
}
