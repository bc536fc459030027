import { KitError, MOMENT_FORMS, momentFault, parseMoment } from '@pik/schema';
import type { Command } from 'commander';

/** The range of a command, as its options name it. */
export interface RangeOptions {
  readonly from?: string;
  readonly since?: string;
  readonly to?: string;
  readonly timeZone?: string;
}

/** What `--help` says of times, under the options of each command that takes one. */
export const TIMES_HELP = `\nTimes: ${MOMENT_FORMS}.\nDates, today and yesterday are days of --time-zone, and mean their first instant.`;

/** The zone of dates, for a command that takes times. */
export function withZone(command: Command): Command {
  return command
    .option('--time-zone <zone>', 'of dates, days and hours, such as America/New_York; default UTC')
    .addHelpText('after', TIMES_HELP);
}

/** A range of times: `--from`, or `--since` in its place, and `--to`. */
export function withRange(command: Command, what: { from: string; to: string }): Command {
  return withZone(
    command
      .option('--from <time>', what.from)
      .option('--since <time>', 'the same as --from, such as --since 2h')
      .option('--to <time>', what.to),
  );
}

/** Where the range starts. Throws `REQUEST_INVALID` where it is said twice. */
export function startOf({ from, since }: RangeOptions): string | undefined {
  if (from !== undefined && since !== undefined)
    throw new KitError('REQUEST_INVALID', '--since is another name of --from: give one of them');
  return from ?? since;
}

/**
 * A time as RFC 3339, for what is recorded as it is sent. By this machine's clock.
 *
 * @throws KitError `REQUEST_INVALID` that names the flag.
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

/** Fields of the wire whose flag has another name. */
const FLAGS: Readonly<Record<string, string>> = {
  start_time: '--from',
  end_time: '--to',
  event_type: '--type',
  entity_id: '--entity',
  event_time: '--time',
  window_start: '--window',
  event_ids: '--event',
  metrics: '--metric',
  received_from: '--received-from',
  received_to: '--received-to',
  baseline_from: '--baseline-from',
  as_of: '--as-of',
  time_zone: '--time-zone',
  cadence_ms: '--cadence-ms',
  late_over_ms: '--late-over-ms',
};

/** A server's message about a field, with the flag in its place that was typed. */
export function inFlags(message: string, args: readonly string[]): string {
  const flags = args.includes('--since') ? { ...FLAGS, start_time: '--since' } : FLAGS;
  // What may be typed after a flag keeps its name.
  const [said = '', ...values] = message.split(/(?<= must be one of )/);
  const named = said
    .replaceAll(/\b[a-z]+(?:_[a-z]+)+\b/g, (field) =>
      Object.hasOwn(flags, field) ? ((flags as Record<string, string>)[field] ?? field) : field,
    )
    .replace(/(?<=^[A-Z_]+: )[a-z]+\b/, (field) => (isTyped(`--${field}`, args) ? `--${field}` : field));
  return named + values.join('');
}

const isTyped = (flag: string, args: readonly string[]) =>
  args.some((arg) => arg === flag || arg.startsWith(`${flag}=`));
