import { runOwnWork } from './async-context.ts';

// The only place that starts a timer in a package that runs inside of others' services: a timer keeps the async context in
// which it was started, and that of the kit belongs to no request.

/** `setTimeout`, outside of every caller's async context. */
export function setOwnTimeout(run: () => void, ms: number): ReturnType<typeof setTimeout> {
  return runOwnWork(() => setTimeout(run, ms));
}

/** `setImmediate`, outside of every caller's async context. For Node alone. */
export function setOwnImmediate(run: () => void): void {
  runOwnWork(() => setImmediate(run));
}
