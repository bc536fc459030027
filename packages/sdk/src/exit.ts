import type { Producer } from './producer.ts';

/** How a producer ends with its process. */
export interface CloseOnExitOptions {
  /** Signals on which it closes. Default `SIGTERM` and `SIGINT`. */
  readonly signals?: readonly string[] | undefined;
  /** Milliseconds that closing may take after a signal; what is left then is UNDELIVERED. Default 10,000. */
  readonly graceMs?: number | undefined;
}

/** What is used of the process of Node, Deno and Bun. */
interface HostProcess {
  readonly pid: number;
  on(event: string, listener: () => void): void;
  off(event: string, listener: () => void): void;
  listenerCount(event: string): number;
  kill(pid: number, signal: string): void;
}

/**
 * Closes a producer when its process ends: on a signal, and when the event loop has run dry (`beforeExit`). Where nobody
 * else listens for the signal, the process then ends by it, as it would have without this. `process.exit()` and a kill
 * leave no time for anything; an outbox is there for these. Where there is no process, as in browsers, this does nothing.
 *
 * @returns Takes it back, for a producer that is closed otherwise.
 */
export function closeOnExit(producer: Pick<Producer<never>, 'close'>, options: CloseOnExitOptions = {}): () => void {
  const { process } = globalThis as { process?: Partial<HostProcess> };
  if (typeof process?.on !== 'function' || typeof process.off !== 'function') return () => {};
  const host = process as HostProcess;
  const { signals = ['SIGTERM', 'SIGINT'], graceMs = 10_000 } = options;
  const listeners = signals.map((signal) => {
    const listener = () => {
      void producer.close({ signal: AbortSignal.timeout(graceMs) }).finally(() => {
        const isLast = host.listenerCount(signal) === 1;
        undo();
        if (isLast) host.kill(host.pid, signal);
      });
    };
    return [signal, listener] as const;
  });
  const closeBeforeExit = () => {
    undo();
    void producer.close();
  };
  const undo = () => {
    for (const [signal, listener] of listeners) host.off(signal, listener);
    host.off('beforeExit', closeBeforeExit);
  };
  for (const [signal, listener] of listeners) host.on(signal, listener);
  host.on('beforeExit', closeBeforeExit);
  return undo;
}
