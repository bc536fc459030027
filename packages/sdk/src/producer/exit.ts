import type { Producer } from './producer.ts';

/** How a producer ends with its process. */
export interface CloseOnExitOptions {
  /** Signals after which it closes. Default `SIGTERM` and `SIGINT`. */
  readonly signals?: readonly string[] | undefined;
  /**
   * Milliseconds for which it may hold the process after a signal, once nothing else does. What has no result then is
   * UNDELIVERED, and stays in an outbox where there is one. Default 10,000.
   */
  readonly graceMs?: number | undefined;
}

type Listener = (...args: unknown[]) => void;

/** What is used of the process of Node, Deno and Bun. */
interface HostProcess {
  readonly pid: number;
  on(event: string, listener: Listener): void;
  off(event: string, listener: Listener): void;
  listeners(event: string): readonly Listener[];
  kill(pid: number, signal: string): void;
}

type Ending = Pick<Producer<never>, 'close' | 'flush' | 'stats'>;

/** The listeners of every copy of this module carry it. */
const OURS = Symbol.for('@pik/sdk closeOnExit');

/**
 * Closes a producer when its process ends, after everybody else.
 *
 * - A signal for which the service listens too is the service's: it finishes its requests and stops by itself, and all that
 *   while the producer takes events and sends them. It closes when nothing else keeps the process alive (`beforeExit`).
 * - A signal for which nobody else listens would end the process at once: the producer is flushed and closed within
 *   `graceMs`, taking events until then, and the process ends by the signal.
 * - Where the event loop has run dry without a signal, the producer closes; it holds the process as `close` does.
 *
 * `process.exit()` and a kill leave no time for anything; an outbox is there for these, and what has no result is reported
 * as a warning. Where there is no process, as in browsers, this does nothing.
 *
 * @returns Takes it back, for a producer that is closed otherwise.
 */
export function closeOnExit(producer: Ending, options: CloseOnExitOptions = {}): () => void {
  const { process } = globalThis as { process?: Partial<HostProcess> };
  if (typeof process?.on !== 'function' || typeof process.off !== 'function') return () => {};
  const host = process as HostProcess;
  const { signals = ['SIGTERM', 'SIGINT'], graceMs = 10_000 } = options;
  /** Signals that somebody with a listener for one time has just taken: it is removed before it runs. */
  const taken = new Set<unknown>();
  let isSignalled = false;

  const close = async (): Promise<void> => {
    if (!isSignalled) return producer.close();
    const signal = AbortSignal.timeout(graceMs);
    await takeOn(producer, signal);
    return producer.close({ signal });
  };
  const onRemoved = (signal: unknown, listener: unknown) => {
    if (!signals.includes(signal as string) || isOurs(listener)) return;
    taken.add(signal);
    void Promise.resolve().then(() => taken.delete(signal));
  };
  const onSignal = (signal: unknown) => {
    isSignalled = true;
    if (taken.has(signal) || othersFor(host, signal as string) > 0) return;
    void close().finally(() => {
      undo();
      // The last of several producers ends the process.
      if (!host.listeners(signal as string).some(isOurs)) host.kill(host.pid, signal as string);
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

/** How often one looks whether the backend still takes events. */
const LOOK_MS = 250;

/** Until all is sent or the backend fails, what comes meanwhile is taken and sent as well; a closed producer takes nothing. */
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

/** How many others listen for a signal in order to end the process. */
function othersFor(host: HostProcess, signal: string): number {
  const { __signal_exit_emitter__: third } = host as { __signal_exit_emitter__?: { count?: number } };
  const fourth = (globalThis as { [name: symbol]: { count?: number } | undefined })[Symbol.for('signal-exit emitter')];
  // The package signal-exit, which many others bring along, only ends the process where nobody else listens: both of us would
  // wait for the other for ever.
  const waiting = (third?.count ?? 0) + (fourth?.count ?? 0);
  return host.listeners(signal).filter((listener) => !isOurs(listener)).length - waiting;
}
