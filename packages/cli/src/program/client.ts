import { type Command, InvalidArgumentError } from 'commander';

import { DEFAULT_URL } from '../session.ts';

/** Takes the verdict of a command: false leads to the exit status 1. */
export type Done = (ok: boolean | undefined) => void;

/** Collects the values of an option that may be given several times. */
export const many = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];

/** Checks that an option is a whole number; returns it as text. */
export function wholeNumber(value: string): string {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('It must be a whole number of at most nine digits.');
  return value;
}

/** A command that talks to a server. */
export function client(program: Command, name: string, description: string): Command {
  return (
    program
      .command(name)
      .description(description)
      // No defaults here: help prints defaults, and the environment holds credentials.
      .option('--url <url>', `URL of the kit; default PIK_URL, else ${DEFAULT_URL}`)
      .option('--api-key <key>', 'API key; default PIK_API_KEY')
      .option('--json', 'write only JSON to standard output')
  );
}
