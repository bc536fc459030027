import { theWorld } from '../world.ts';

// In place of `node:timers/promises` in a build for the simulator.

/** As of `node:timers/promises`. */
export function setImmediate<T>(value?: T): Promise<T | undefined> {
  return theWorld().later('turn', () => value);
}

/** As of `node:timers/promises`. */
export function setTimeout<T>(ms: number, value?: T): Promise<T | undefined> {
  return new Promise((resolve) => theWorld().timer(ms, () => resolve(value)));
}
