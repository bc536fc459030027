import { theWorld } from '../world.ts';

// In place of the timers of Node in a build for the simulator: the global ones, and those of `node:timers/promises`.

/** The handle of a global timer. */
export class Timer {
  cancel: () => void = () => {};
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
}

/** As the global function. */
export function setTimeout(run: (...values: unknown[]) => void, ms = 0, ...values: unknown[]): Timer {
  const timer = new Timer();
  timer.cancel = theWorld().timer(Math.max(1, ms), () => run(...values));
  return timer;
}

/** As the global function. */
export function setInterval(run: (...values: unknown[]) => void, ms = 0, ...values: unknown[]): Timer {
  const timer = new Timer();
  const again = () => {
    timer.cancel = theWorld().timer(Math.max(1, ms), () => {
      again();
      run(...values);
    });
  };
  again();
  return timer;
}

/** As the global function. */
export function setImmediate(run: (...values: unknown[]) => void, ...values: unknown[]): Timer {
  const timer = new Timer();
  timer.cancel = theWorld().timer(0, () => run(...values));
  return timer;
}

/** As the global function. */
export function clearTimeout(timer?: Timer | null): void {
  timer?.cancel();
}

/** As the global function. */
export const clearInterval: typeof clearTimeout = clearTimeout;
/** As the global function. */
export const clearImmediate: typeof clearTimeout = clearTimeout;

const { Date: RealDate } = globalThis;

/** As the global class, by the clock of the world. */
class SimDate extends RealDate {
  constructor(...values: [] | [string | number | SimDate]) {
    super(values.length === 0 ? theWorld().nowMs : values[0]);
  }
  static override now(): number {
    return theWorld().nowMs;
  }
}

export { SimDate as Date };

/** As the global object. */
export const performance = { now: () => theWorld().steadyMs, timeOrigin: 0 };

/** As the global object, with the bytes of the world. */
export const crypto = {
  getRandomValues<T extends Uint8Array>(into: T): T {
    const { words } = theWorld();
    for (let i = 0; i < into.length; i++) into[i] = words() & 0xff;
    return into;
  },
  randomUUID: () => randomText(),
  subtle: globalThis.crypto.subtle,
};

function randomText(): string {
  const hex = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}

const realRandom = Math.random;
// The only member of `Math` that is not a function of its arguments.
Math.random = () => {
  try {
    return theWorld().words() / 2 ** 32;
  } catch {
    return realRandom();
  }
};
