import { type Instant, MS_PER_DAY, MS_PER_HOUR, parseTime, timeFault } from './time.ts';
import { dateIn, windowOfDate } from './window.ts';

/**
 * A time: a Date, RFC 3339 with an offset, or any other form that `parseMoment` reads: a date, `now`, `today`, `yesterday`, or a
 * duration back from now, such as `2h`. The server resolves it with its own clock.
 */
export type Time = string | Date;

/** The reference of relative times. */
export interface MomentBase {
  /** Now, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** The zone of dates, `today` and `yesterday`, such as `America/New_York`. */
  readonly timeZone: string;
}

/** The grammar of times in one sentence, for errors and help. */
export const MOMENT_FORMS =
  'RFC 3339 such as 2025-12-28T23:59:59Z, a date such as 2025-12-28, now, today, yesterday, or how long ago: 90s, 30m, 2h, 7d, 1w';

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: MS_PER_HOUR,
  d: MS_PER_DAY,
  w: 7 * MS_PER_DAY,
};
const AGO = /^(\d{1,6})(s|m|min|h|d|w)$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/**
 * Parses a time as people type it: RFC 3339 with an offset; a date, `today` or `yesterday`, each the first instant of
 * that day in the zone; `now`; or a duration ago, such as `2h` (a day is 24 hours, a week seven of them). Null for
 * anything else; `momentFault` says why.
 *
 * @throws KitError `CONFIG_INVALID` for a zone that the runtime does not know.
 * @example
 * import { parseMoment } from '@pik/schema';
 *
 * parseMoment('yesterday', { nowMs: Date.now(), timeZone: 'America/New_York' })?.utc
 */
export function parseMoment(text: string, base: MomentBase): Instant | null {
  const ago = AGO.exec(text);
  if (ago !== null) {
    const [, count, unit = ''] = ago;
    return atMs(base.nowMs - Number(count) * (UNIT_MS[unit] ?? 0));
  }
  if (text === 'now') return atMs(base.nowMs);
  if (text === 'today' || text === 'yesterday') return startOfDay(base, text === 'today' ? 0 : 1);
  if (!DATE.test(text)) return parseTime(text);
  const day = windowOfDate(text, base.timeZone);
  return day === null ? null : atMs(day.start_ms);
}

/** The reason why `parseMoment` refused a text, with a hint how to write it. */
export function momentFault(text: string): string {
  if (DATE.test(text)) return 'there is no such date in the time zone';
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) return timeFault(text).hint;
  return `write ${MOMENT_FORMS}`;
}

function atMs(ms: number): Instant | null {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? null : parseTime(date.toISOString());
}

/** Calendar days: a day with a clock change has 23 or 25 hours. */
function startOfDay({ nowMs, timeZone }: MomentBase, daysBack: number): Instant | null {
  const noon = parseTime(`${dateIn(timeZone, nowMs)}T12:00:00Z`);
  if (noon === null) return null;
  const back = new Date(noon.epoch_ms - daysBack * MS_PER_DAY).toISOString().slice(0, 10);
  const day = windowOfDate(back, timeZone);
  return day === null ? null : atMs(day.start_ms);
}
