import { setTimeout } from 'node:timers/promises';
import { KitError } from '@pik/schema';
import type { Command } from 'commander';

import { errorText } from './error-text.ts';
import { clearBeforeOutput, writeErr } from './output.ts';
import { wholeNumber } from './program/whole-number.ts';

/** Options of a command that can ask again and again. */
export interface WatchOptions {
  /** Seconds between two answers; one answer without it. */
  readonly watch?: string | undefined;
}

/** Adds `--watch` to a command. */
export function withWatch(command: Command): Command {
  return command.option('--watch <seconds>', 'ask again every this many seconds', wholeNumber);
}

/**
 * Asks once, or with `--watch` until the process is interrupted; on a terminal each answer then replaces the one before. After a first
 * answer, a failure that may pass (the server restarts) is printed, and the question asked again. Returns the verdict of the only answer.
 *
 * @throws KitError `REQUEST_INVALID` for an interval below a second.
 */
export async function watching({ watch }: WatchOptions, ask: () => Promise<boolean>): Promise<boolean> {
  if (watch === undefined) return ask();
  const seconds = Number(watch);
  if (seconds < 1) throw new KitError('REQUEST_INVALID', '--watch must be at least 1 second');
  for (let isAnswered = false; ; ) {
    clearBeforeOutput();
    try {
      await ask();
      isAnswered = true;
    } catch (error) {
      if (!isAnswered || !KitError.is(error) || !error.retryable) throw error;
      writeErr(`pik: ${errorText(error)}\n`);
    }
    await setTimeout(seconds * 1_000);
  }
}
