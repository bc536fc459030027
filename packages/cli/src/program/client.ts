import { type Command, Option } from 'commander';

import { FORMS } from '../forms/forms.ts';
import { DEFAULT_URL } from '../profiles/choose.ts';

/** Takes the verdict of a command: false leads to the exit status 1, a number is the status itself. */
export type Done = (ok: boolean | number | undefined) => void;

/** Collects the values of an option that may be given several times. */
export const many = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];

/** A command that talks to a server. */
export function client(program: Command, name: string, description: string): Command {
  return (
    program
      .command(name)
      .description(description)
      // No defaults here: help prints defaults, and the environment holds credentials.
      .option('--url <url>', `URL of the kit; default PIK_URL, else that of the profile, else ${DEFAULT_URL}`)
      .option('--api-key <key>', 'API key; default PIK_API_KEY, else that of the profile')
      .option('--profile <name>', 'profile made by pik login; default PIK_PROFILE, else the current one')
      .option('--json', 'write only JSON to standard output')
      .addOption(
        new Option('-o, --output <form>', 'form on standard output; json is --json').choices(FORMS).conflicts('json'),
      )
  );
}
