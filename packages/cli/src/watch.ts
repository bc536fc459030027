import { setTimeout } from 'node:timers/promises';
import { KitError } from '@pik/schema';
import type { Command } from 'commander';

import { clearBeforeOutput } from './output.ts';
import { wholeNumber } from './program/whole-number.ts';

/** Options of a command that can ask again and again. */
export interface WatchOptions {
  /** Seconds between two answers; one answer without it. */
  readonly watch?: string | undefined;
}

/** Adds `--watch` to a command. */
export function withWatch(command: Command): Command {
  return command.option('--watch <seconds>', 'ask again and again, this many seconds apart', wholeNumber);
}

/**
 * Asks once, or with `--watch` until the process is interrupted; on a terminal each answer then replaces the one before. Returns the
 * verdict of the last answer.
 *
 * @throws KitError `REQUEST_INVALID` for an interval below a second.
 */
export async function watching({ watch }: WatchOptions, ask: () => Promise<boolean>): Promise<boolean> {
  if (watch === undefined) return ask();
  const seconds = Number(watch);
  if (seconds < 1) throw new KitError('REQUEST_INVALID', '--watch must be at least 1 second');
  for (;;) {
    clearBeforeOutput();
    await ask();
    await setTimeout(seconds * 1_000);
  }
}
