import { printable } from '@pik/render';
import { type ErrorCode, KitError } from '@pik/schema';

import { isErrno } from './errno.ts';
import { foreignErrorText } from './foreign-error.ts';
import { withoutSecrets } from './secrets.ts';
import { inFlags } from './times.ts';

const HINTS: Partial<Record<ErrorCode, string>> = {
  NETWORK: 'is the server running? `pik serve` starts one; --url selects another',
  NOT_PROCESSED: 'does the server run with its worker? `pik dead-letters` lists what failed',
};

/** One line that states the problem and, if there is one, the way out, without secrets and safe to print. */
export function errorText(error: unknown, args: readonly string[] = []): string {
  return printable(withoutSecrets(problem(error, args)));
}

function problem(error: unknown, args: readonly string[]): string {
  // SQLite is built into Node; commands that only talk to a server do not need it.
  if (isErrno(error, 'ERR_UNKNOWN_BUILTIN_MODULE'))
    return `this command needs Node 22.18 or newer; this is ${process.version}`;
  if (!KitError.is(error)) return foreignErrorText(error);
  const hint = HINTS[error.code];
  const text = `${error.code}: ${error.message}${hint === undefined ? '' : ` (${hint})`}`;
  // Messages of other codes name fields of records, not flags.
  return error.code === 'REQUEST_INVALID' ? inFlags(text, args) : text;
}
