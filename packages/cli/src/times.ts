import { flagOf, KitError, MOMENT_FORMS, momentFault, parseMoment, ROUTES } from '@pik/schema';
import type { Command } from 'commander';

/** Time range options of a command. */
export interface RangeOptions {
  readonly from?: string | undefined;
  readonly since?: string | undefined;
  readonly to?: string | undefined;
  readonly timeZone?: string | undefined;
}

/** Help text about times, appended to the help of each command that takes one. */
export const TIMES_HELP = `\nTimes: ${MOMENT_FORMS}.\nDates, today and yesterday are in --time-zone and mean the start of the day.`;

/** Adds `--time-zone` and the help about times to a command. */
export function withZone(command: Command): Command {
  return command
    .option('--time-zone <zone>', 'of dates, days and hours, such as America/New_York; default UTC')
    .addHelpText('after', TIMES_HELP);
}

/** Adds the options of a time range: `--from` or its alias `--since`, and `--to`. */
export function withRange(command: Command, what: { from: string; to: string }): Command {
  return withZone(
    command
      .option('--from <time>', what.from)
      .option('--since <time>', 'the same as --from, such as --since 2h')
      .option('--to <time>', what.to),
  );
}

/** The start of the range. Throws `REQUEST_INVALID` if both names are given. */
export function startOf({ from, since }: RangeOptions): string | undefined {
  if (from !== undefined && since !== undefined)
    throw new KitError('REQUEST_INVALID', '--since is another name of --from: give one of them');
  return from ?? since;
}

/** Milliseconds of a duration such as `90s`, `30m`, `2h` or `3d`; null for another text. */
export function durationMs(text: string): number | null {
  if (!/^\d/.test(text)) return null;
  const ago = parseMoment(text, { nowMs: 0, timeZone: 'UTC' });
  return ago === null || ago.epoch_ms > 0 ? null : -ago.epoch_ms;
}

/**
 * Resolves a time to RFC 3339 by this machine's clock, for requests that are recorded.
 *
 * @throws KitError `REQUEST_INVALID` naming the flag.
 */
export function absolute(
  flag: string,
  text: string | undefined,
  { timeZone = 'UTC' }: RangeOptions,
): string | undefined {
  if (text === undefined) return undefined;
  const instant = parseMoment(text, { nowMs: Date.now(), timeZone });
  if (instant === null) throw new KitError('REQUEST_INVALID', `${flag} cannot be read: ${momentFault(text)}`);
  return instant.utc;
}

/** Wire fields that have a flag. */
const FIELDS = new Set([
  ...Object.values(ROUTES).flatMap((route) => ('fields' in route ? Object.keys(route.fields) : [])),
  'event_ids',
]);

/** Replaces wire field names in a server message with the flags that the user typed. */
export function inFlags(message: string, args: readonly string[]): string {
  const flag = (field: string) => (field === 'start_time' && args.includes('--since') ? '--since' : flagOf(field));
  // The allowed values of a flag keep their names.
  const [sentence = '', ...values] = message.split(/(?<= must be one of )/);
  const named = sentence
    .replaceAll(/\b[a-z]+(?:_[a-z]+)+\b/g, (field) => (FIELDS.has(field) ? flag(field) : field))
    .replace(/(?<=^[A-Z_]+: )[a-z]+\b/, (field) => (isTyped(`--${field}`, args) ? `--${field}` : field));
  return named + values.join('');
}

const isTyped = (flag: string, args: readonly string[]) =>
  args.some((arg) => arg === flag || arg.startsWith(`${flag}=`));
