import { runOwnWork } from './async-context.ts';

// The only place that starts timers in packages that run inside other people's services: a timer keeps the async
// context in which it was started, and the kit's timers belong to no request.

/** `setTimeout`, outside every caller's async context. */
export function setOwnTimeout(run: () => void, ms: number): ReturnType<typeof setTimeout> {
  return runOwnWork(() => setTimeout(run, ms));
}

/** Whether a library for virtual time has replaced the timers: the usual ones mark theirs with a clock. */
export function hasVirtualTime(): boolean {
  return (setTimeout as { readonly clock?: unknown }).clock !== undefined;
}

/** `setImmediate`, outside every caller's async context. Node only. */
export function setOwnImmediate(run: () => void): void {
  runOwnWork(() => setImmediate(run));
}
