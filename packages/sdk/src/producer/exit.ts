import type { Producer } from './producer.ts';

/** Options of `closeOnExit`. */
export interface CloseOnExitOptions {
  /** Signals on which the producer closes. Default: `SIGTERM` and `SIGINT`. */
  readonly signals?: readonly string[] | undefined;
  /**
   * Milliseconds for which the producer may keep the process alive after a signal, once nothing else does. Events that
   * have no result by then are UNDELIVERED, and stay in the outbox if there is one. Default: 10,000.
   */
  readonly graceMs?: number | undefined;
}

type Listener = (...args: unknown[]) => void;

/** The part of `process` of Node, Deno and Bun that is used. */
interface HostProcess {
  readonly pid: number;
  on(event: string, listener: Listener): void;
  off(event: string, listener: Listener): void;
  listeners(event: string): readonly Listener[];
  kill(pid: number, signal: string): void;
}

type Ending = Pick<Producer<never>, 'close' | 'flush' | 'stats'>;

/** Marks the listeners of every copy of this module. */
const OURS = Symbol.for('@pik/sdk closeOnExit');

/**
 * Closes a producer when its process ends, after all other listeners.
 *
 * - If the service also listens for the signal, the service decides: it finishes its requests and stops by itself, and
 *   the producer takes and sends events in the meantime. The producer closes when nothing else keeps the process alive
 *   (`beforeExit`).
 * - If nobody else listens, the signal would end the process at once. The producer is flushed and closed within
 *   `graceMs`, takes events until then, and the process ends by the signal.
 * - If the event loop is empty without a signal, the producer closes and keeps the process alive as `close` does.
 *
 * `process.exit()` and a kill leave no time; use an outbox for these. Events without a result are reported as a
 * warning. In environments without a process, such as browsers, this does nothing.
 *
 * @example
 * import { closeOnExit, createProducer } from '@pik/sdk';
 *
 * const producer = createProducer({ url: 'http://127.0.0.1:4600', source: 'shop' });
 * const stopListening = closeOnExit(producer, { graceMs: 5_000 });
 *
 * @returns Removes the listeners, for a producer that is closed in another way.
 */
export function closeOnExit(producer: Ending, options: CloseOnExitOptions = {}): () => void {
  const { process } = globalThis as { process?: Partial<HostProcess> };
  if (typeof process?.on !== 'function' || typeof process.off !== 'function') return () => {};
  const host = process as HostProcess;
  const { signals = ['SIGTERM', 'SIGINT'], graceMs = 10_000 } = options;
  /** Signals that a one-time listener of the service has just handled; Node removes such a listener before it runs. */
  const taken = new Set<unknown>();
  let hasSignal = false;

  const close = async (): Promise<void> => {
    if (!hasSignal) return producer.close();
    const signal = AbortSignal.timeout(graceMs);
    await takeOn(producer, signal);
    return producer.close({ signal });
  };
  const onRemoved = (signal: unknown, listener: unknown) => {
    if (!signals.some((name) => name === signal) || isOurs(listener)) return;
    taken.add(signal);
    void Promise.resolve().then(() => taken.delete(signal));
  };
  const onSignal = (name: unknown) => {
    const signal = String(name);
    hasSignal = true;
    if (taken.has(signal) || othersFor(host, signal) > 0) return;
    void close().finally(() => {
      undo();
      // The last of several producers ends the process.
      if (!host.listeners(signal).some(isOurs)) host.kill(host.pid, signal);
    });
  };
  const onBeforeExit = () => {
    host.off('beforeExit', onBeforeExit);
    void close().finally(undo);
  };
  const onExit = () => {
    const { pending } = producer.stats();
    if (pending > 0)
      console.warn(`@pik/sdk: the process ended while ${pending} events had no result; only an outbox keeps them`);
  };
  const listeners: Readonly<Record<string, Listener>> = {
    ...Object.fromEntries(signals.map((signal) => [signal, marked(onSignal)])),
    removeListener: onRemoved,
    beforeExit: onBeforeExit,
    exit: onExit,
  };
  const undo = () => {
    for (const [event, listener] of Object.entries(listeners)) host.off(event, listener);
  };
  for (const [event, listener] of Object.entries(listeners)) host.on(event, listener);
  return undo;
}

/** Milliseconds between two checks whether the backend still takes events. */
const LOOK_MS = 250;

/** Keeps taking and sending events until all are sent or the backend fails; a closed producer would take none. */
async function takeOn(producer: Ending, signal: AbortSignal): Promise<void> {
  for (let isSent = false; !isSent && !signal.aborted && producer.stats().state === 'FLOWING'; )
    isSent = await producer.flush({ signal: AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]) }).then(
      () => true,
      () => false,
    );
}

function marked(listener: Listener): Listener {
  return Object.assign((...args: unknown[]) => listener(...args), { [OURS]: true });
}

function isOurs(listener: unknown): boolean {
  return typeof listener === 'function' && OURS in listener;
}

/** Listeners of others that handle the signal themselves. */
function othersFor(host: HostProcess, signal: string): number {
  const { __signal_exit_emitter__: third } = host as { __signal_exit_emitter__?: { count?: number } };
  const fourth = (globalThis as { [name: symbol]: { count?: number } | undefined })[Symbol.for('signal-exit emitter')];
  // The package signal-exit, a common dependency, ends the process only if nobody else listens. Both would wait for
  // each other for ever.
  const waiting = (third?.count ?? 0) + (fourth?.count ?? 0);
  return host.listeners(signal).filter((listener) => !isOurs(listener)).length - waiting;
}
