import { openSignedLog, type SignedLog, type SignedLogOptions } from '@pik/engine';
import { KitError } from '@pik/schema';

/** Keeps the signed log of a server: appends the hours that were closed, signs, and publishes. */
export interface LogKeeper {
  /** Appends and signs what was closed. A failure is logged, and the next call does the work. */
  closed(): Promise<void>;
  /** Publishes what a copy lacks, unless that is being done. */
  tick(): void;
  /** Waits for what is being done. */
  stop(): Promise<void>;
}

/**
 * Opens the log of a server.
 *
 * @throws KitError `LOG_ROLLBACK`, `LOG_FORKED`, `LOG_DAMAGED`, `LOG_KEY_UNUSABLE`: the server must not go on with another log. With
 * a full disk, or a store that does not answer, it is opened later.
 */
export async function openLogKeeper(options: SignedLogOptions): Promise<LogKeeper> {
  const { telemetry, backend } = options;
  let log: SignedLog | null = await openSignedLog(options).catch(async (error: unknown) => {
    if (!KitError.is(error) || !error.retryable) {
      await backend.close();
      throw error;
    }
    telemetry?.log('error', 'log_failed', { error: String(error) });
    return null;
  });
  let running: Promise<void> | null = null;
  const attempt = async (work: (log: SignedLog) => Promise<unknown>) => {
    try {
      log ??= await openSignedLog(options);
      await work(log);
    } catch (error) {
      telemetry?.log('error', 'log_failed', { error: String(error) });
    }
  };
  return {
    closed: () => attempt((open) => open.closeHours()),
    tick() {
      running ??= attempt((open) => open.publish()).finally(() => {
        running = null;
      });
    },
    async stop() {
      await running;
    },
  };
}
