const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A stretch of time on screen. */
export interface Axis {
  readonly startMs: number;
  readonly endMs: number;
  /** The length of a cell. */
  readonly grain: 'hour' | 'day';
  readonly timeZone: string;
}

/** A mark of an axis. */
export interface Tick {
  readonly ms: number;
  readonly text: string;
}

/** Ranges up to this length are shown hour by hour. */
const HOURLY_MAX_MS = 9 * DAY;

/** The axis of a range, hour by hour if it is short. A range without length becomes an hour. */
export function axisOf(startMs: number, endMs: number, timeZone: string): Axis {
  const end = Math.max(endMs, startMs + HOUR);
  return { startMs, endMs: end, grain: end - startMs <= HOURLY_MAX_MS ? 'hour' : 'day', timeZone };
}

/** The length of a cell in milliseconds; a day of the clock change is an hour off. */
export function grainMs({ grain }: Axis): number {
  return grain === 'hour' ? HOUR : DAY;
}

const STEPS = [
  HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  4 * DAY,
  7 * DAY,
  14 * DAY,
  30 * DAY,
  91 * DAY,
  365 * DAY,
];

/** At most `max` marks at round times. */
export function ticksOf({ startMs, endMs, timeZone }: Axis, max: number): Tick[] {
  const span = endMs - startMs;
  const step = STEPS.find((ms) => span / ms <= max) ?? Math.ceil(span / max / (365 * DAY)) * 365 * DAY;
  const offset = zoneOffsetMs(startMs, timeZone);
  const ticks: Tick[] = [];
  for (let local = Math.ceil((startMs + offset) / step) * step; local - offset < endMs; local += step) {
    const ms = local - offset;
    ticks.push({ ms, text: tickText(ms, { step, timeZone }) });
  }
  return ticks;
}

function tickText(ms: number, { step, timeZone }: { step: number; timeZone: string }): string {
  const parts = partsOf(ms, timeZone);
  const isMidnight = parts.hour === '00';
  if (step >= DAY || isMidnight)
    return step >= 91 * DAY ? `${parts.month} ${parts.year}` : `${parts.day} ${parts.month}`;
  return `${parts.hour}:${parts.minute}`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function partsOf(ms: number, timeZone: string): Record<string, string> {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat('en-GB', {
      ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: 'short', day: 'numeric' },
      ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
    });
  formats.set(timeZone, format);
  return Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sept', 'Oct', 'Nov', 'Dec'];

/** Milliseconds that a zone's clock is ahead of UTC at an instant. */
export function zoneOffsetMs(ms: number, timeZone: string): number {
  const { year, month = '', day, hour, minute, second } = partsOf(ms, timeZone);
  const monthIndex = MONTHS.findIndex((name) => month.startsWith(name.slice(0, 3)));
  const local = Date.UTC(Number(year), monthIndex, Number(day), Number(hour), Number(minute), Number(second));
  return local - Math.floor(ms / 1000) * 1000;
}

/** The instant at which a date of a zone starts, such as `2018-02-03`. */
export function dayStartMs(date: string, timeZone: string): number {
  const utc = Date.parse(`${date}T00:00:00Z`);
  const first = utc - zoneOffsetMs(utc, timeZone);
  return utc - zoneOffsetMs(first, timeZone);
}

/** A time as `3 Feb 2018, 14:05:09` in a zone. */
export function timeText(time: string | number, timeZone: string): string {
  const ms = typeof time === 'number' ? time : Date.parse(time);
  if (Number.isNaN(ms)) return String(time);
  const { day, month, year, hour, minute, second } = partsOf(ms, timeZone);
  return `${day} ${month} ${year}, ${hour}:${minute}:${second}`;
}

/** A time without its seconds, for tables: `3 Feb 2018, 14:05`. */
export function minuteText(time: string | number, timeZone: string): string {
  return timeText(time, timeZone).replace(/:\d\d$/, '');
}
