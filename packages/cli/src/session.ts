import { KitError } from '@pik/schema';
import { createInvestigator, type Investigator } from '@pik/sdk/investigator';

import { writeOut } from './output.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  /** Default: PIK_URL, else `DEFAULT_URL`. */
  readonly url?: string | undefined;
  /** Default: PIK_API_KEY, else none. */
  readonly apiKey?: string | undefined;
  /** Machine output: JSON on standard output, nothing else there. */
  readonly json?: boolean | undefined;
}

/** Where the server is unless it is said. */
export const DEFAULT_URL = 'http://127.0.0.1:4600';

/**
 * The connection that the options and the environment name. An empty variable says nothing.
 *
 * @throws KitError `CONFIG_INVALID` that names the option or the variable at fault.
 */
export function connection(options: GlobalOptions): { url: string; apiKey?: string } {
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

/** An investigator for the options. */
export function investigator(options: GlobalOptions): Investigator {
  return createInvestigator(connection(options));
}

/** Prints an answer: as JSON for machines, else as the given text. */
export function print(options: GlobalOptions, value: unknown, text: () => string): void {
  writeOut(options.json ? `${JSON.stringify(value)}\n` : `${text()}\n`);
}
