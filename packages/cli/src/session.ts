import { KitError } from '@pik/schema';
import { createInvestigator, type Investigator } from '@pik/sdk/investigator';

import { type FormOptions, formOf, printRows } from './forms/forms.ts';
import { rowsOf } from './forms/rules/rows.ts';
import { writeOut } from './output.ts';
import { type Chosen, type ConnectionOptions, choose, DEFAULT_URL } from './profiles/choose.ts';
import { keepSecret } from './secrets.ts';

/** Options that every command takes. */
export interface GlobalOptions extends FormOptions, ConnectionOptions {}

/**
 * The connection that the options, the environment and the profiles name; with `isAlone` the profiles count for nothing.
 *
 * @throws KitError `CONFIG_INVALID` naming the option, variable or profile at fault.
 */
export function connection(
  options: ConnectionOptions,
  { isAlone = false } = {},
): { url: string; apiKey?: string | undefined } {
  const chosen = isAlone ? alone(options) : choose(options);
  const { url, apiKey } = chosen;
  if (apiKey !== undefined) keepSecret(apiKey);
  const given = apiKey === undefined ? { url } : { url, apiKey };
  try {
    createInvestigator(given);
  } catch (error) {
    if (!KitError.is(error) || error.path === undefined) throw error;
    const message = error.message.replace(/^\w+/, error.path === '/url' ? chosen.urlFrom : chosen.keyFrom);
    throw new KitError('CONFIG_INVALID', message, { path: error.path });
  }
  return given;
}

/** Server and key by options and environment alone, for a profile that is about to be stored. */
function alone({ url = DEFAULT_URL, apiKey }: ConnectionOptions): Chosen {
  return { url, apiKey: apiKey ?? (process.env.PIK_API_KEY || undefined), urlFrom: '--url', keyFrom: '--api-key' };
}

/** Creates an investigator from the options. */
export function investigator(options: GlobalOptions): Investigator {
  return createInvestigator(connection(options));
}

/** An answer to print. */
export interface Printed {
  readonly answer: unknown;
  /** The lists of the answer that the question splits into pages; the first has the rows. */
  readonly pages?: readonly string[] | undefined;
  /** The answer for people. */
  text(): string;
}

/** Prints an answer in the form that the options name; without one for people. */
export function printAnswer(options: FormOptions, { answer, pages, text }: Printed): void {
  const form = formOf(options);
  if (form === 'table') writeOut(`${text()}\n`);
  else if (form === 'json') writeOut(`${JSON.stringify(answer)}\n`);
  else printRows(form, rowsOf(answer, pages));
}

/** Prints an answer without pages, as `printAnswer` does. */
export function print(options: FormOptions, answer: unknown, text: () => string): void {
  printAnswer(options, { answer, text });
}
