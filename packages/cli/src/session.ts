import { KitError } from '@pik/schema';
import { createInvestigator, type Investigator } from '@pik/sdk/investigator';

import { writeOut } from './output.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  /** Default: PIK_URL, else `DEFAULT_URL`. */
  readonly url?: string | undefined;
  /** Default: PIK_API_KEY, else none. */
  readonly apiKey?: string | undefined;
  /** Machine-readable output: only JSON on standard output. */
  readonly json?: boolean | undefined;
}

/** URL of the server unless an option or the environment names another. */
export const DEFAULT_URL = 'http://127.0.0.1:4600';

/**
 * The connection that the options and the environment name. An empty variable counts as unset.
 *
 * @throws KitError `CONFIG_INVALID` naming the option or variable at fault.
 */
export function connection(options: GlobalOptions): { url: string; apiKey?: string | undefined } {
  const { PIK_URL, PIK_API_KEY } = process.env;
  const url = options.url ?? (PIK_URL || DEFAULT_URL);
  const apiKey = options.apiKey ?? (PIK_API_KEY || undefined);
  const given = apiKey === undefined ? { url } : { url, apiKey };
  try {
    createInvestigator(given);
  } catch (error) {
    if (!KitError.is(error) || error.path === undefined) throw error;
    const [own, option, variable] =
      error.path === '/url'
        ? ([options.url, '--url', 'PIK_URL'] as const)
        : ([options.apiKey, '--api-key', 'PIK_API_KEY'] as const);
    const message = error.message.replace(/^\w+/, own === undefined ? variable : option);
    throw new KitError('CONFIG_INVALID', message, { path: error.path });
  }
  return given;
}

/** Creates an investigator from the options. */
export function investigator(options: GlobalOptions): Investigator {
  return createInvestigator(connection(options));
}

/** Prints an answer: as JSON with `--json`, otherwise as the given text. */
export function print(options: GlobalOptions, value: unknown, text: () => string): void {
  writeOut(options.json ? `${JSON.stringify(value)}\n` : `${text()}\n`);
}
