import { KitError } from './errors.ts';
import { greatestOf, leastOf } from './extremes.ts';
import { EPOCH_MS_MIN, MS_PER_DAY, MS_PER_HOUR, parseTime } from './time.ts';

/** The length of a window, a half-open range in the metric's time zone. */
export const WINDOW_GRAINS = ['hour', 'day'] as const;

/** The length of a window. */
export type WindowGrain = (typeof WINDOW_GRAINS)[number];

/** A half-open span of time, `[start_ms, end_ms)`, in milliseconds since the epoch. */
export interface Window {
  readonly start_ms: number;
  readonly end_ms: number;
}

/** The windows of a metric: adjacent, without gap or overlap, so every instant is in exactly one. */
export interface Windows {
  /** The window that holds an instant. */
  at(epochMs: number): Window;
}

/** Windows cached per metric; events that arrive together mostly lie in few of them. */
const REMEMBERED = 512;

/**
 * Creates the days or hours of a time zone. A day starts at the first instant of its date, so it has 23, 24 or 25 hours
 * at a clock change, and a date that a zone skipped has no window. An hour ends early if the zone's offset changes
 * within it.
 *
 * @throws KitError `CONFIG_INVALID` for a zone that the runtime does not know.
 */
export function createWindows(grain: WindowGrain, timeZone: string): Windows {
  const offsetAt = zoneOffsets(timeZone);
  const find = grain === 'day' ? dayAt : hourAt;
  const known = new Map<number, Window[]>();
  return {
    at(epochMs) {
      // No window is longer than 50 hours and windows never change, so a few per UTC day are cached.
      const bucket = Math.floor(epochMs / MS_PER_DAY);
      const near = known.get(bucket);
      const remembered = near?.find(({ start_ms, end_ms }) => epochMs >= start_ms && epochMs < end_ms);
      if (remembered !== undefined) return remembered;
      const { start_ms, end_ms } = find(epochMs, offsetAt);
      // Earlier instants have no text form, so no window starts there.
      const window = { start_ms: Math.max(start_ms, EPOCH_MS_MIN), end_ms };
      if (near !== undefined) near.push(window);
      else {
        if (known.size >= REMEMBERED) known.clear();
        known.set(bucket, [window]);
      }
      return window;
    },
  };
}

const DATE_FORMATS = new Map<string, Intl.DateTimeFormat>();

/** The date of an instant in a zone, such as `2025-12-28`. */
export function dateIn(timeZone: string, epochMs: number): string {
  let format = DATE_FORMATS.get(timeZone);
  if (format === undefined) {
    if (DATE_FORMATS.size >= REMEMBERED) DATE_FORMATS.clear();
    format = zoneFormat(timeZone, { dateStyle: 'short' });
    DATE_FORMATS.set(timeZone, format);
  }
  // The runtime does not pad years before 1000.
  return format.format(epochMs).padStart(10, '0');
}

/**
 * The day of a date such as `2025-12-28` in a zone; null if there is no such date, or the zone skipped it.
 *
 * @throws KitError `CONFIG_INVALID` for a zone that the runtime does not know.
 */
export function windowOfDate(date: string, timeZone: string): Window | null {
  const noon = parseTime(`${date}T12:00:00Z`);
  if (noon === null) return null;
  const windows = createWindows('day', timeZone);
  // Depending on the zone, noon in UTC is on the date itself or on the one before or after it.
  for (const offsetMs of [0, -MS_PER_DAY, MS_PER_DAY]) {
    const window = windows.at(noon.epoch_ms + offsetMs);
    if (dateIn(timeZone, window.start_ms) === date) return window;
  }
  return null;
}

/**
 * How far local time in a zone is ahead of UTC, in milliseconds, by the runtime's time-zone data.
 *
 * @throws KitError `CONFIG_INVALID` for a zone that the runtime does not know.
 */
export function zoneOffsets(timeZone: string): (epochMs: number) => number {
  return timeZone === 'UTC' ? () => 0 : offsets(timeZone);
}

/** Milliseconds that local time is ahead of UTC at an instant. */
type OffsetAt = (epochMs: number) => number;

function dayAt(epochMs: number, offsetAt: OffsetAt): Window {
  // Near a change of the date line the date may be two days off, so search for the right one.
  let date = Math.floor((epochMs + offsetAt(epochMs)) / MS_PER_DAY);
  while (firstInstantOf(date, offsetAt) > epochMs) date -= 1;
  let next = date + 1;
  while (firstInstantOf(next, offsetAt) <= epochMs) {
    date = next;
    next += 1;
  }
  return { start_ms: firstInstantOf(date, offsetAt), end_ms: firstInstantOf(next, offsetAt) };
}

/** The first instant whose local date is this one, or a later one if the zone skipped the date. */
function firstInstantOf(date: number, offsetAt: OffsetAt): number {
  const midnight = date * MS_PER_DAY;
  // Offsets are within a day; steps of half a day miss no two changes.
  const candidates = new Set<number>();
  for (let at = midnight - 2 * MS_PER_DAY; at <= midnight + 2 * MS_PER_DAY; at += MS_PER_DAY / 2)
    candidates.add(offsetAt(at));
  const instants = [...candidates].map((offset) => midnight - offset).sort((a, b) => a - b);
  const exact = instants.find((instant) => instant + offsetAt(instant) === midnight);
  if (exact !== undefined) return exact;
  // Midnight was skipped: the day starts when the clock jumps past it.
  const low = leastOf(instants) - 1;
  const high = greatestOf(instants);
  return firstWhere({ low, high }, (instant) => instant + offsetAt(instant) >= midnight);
}

function hourAt(epochMs: number, offsetAt: OffsetAt): Window {
  const offset = offsetAt(epochMs);
  const start = Math.floor((epochMs + offset) / MS_PER_HOUR) * MS_PER_HOUR - offset;
  const end = start + MS_PER_HOUR;
  const same = (instant: number) => offsetAt(instant) === offset;
  return {
    start_ms: same(start) ? start : firstWhere({ low: start, high: epochMs }, same),
    end_ms: same(end - 1) ? end : firstWhere({ low: epochMs, high: end }, (instant) => !same(instant)),
  };
}

/**
 * The first instant above `low` and up to `high` that passes the test; `low` fails, `high` passes, and the result
 * changes once.
 */
function firstWhere({ low, high }: { low: number; high: number }, passes: (instant: number) => boolean): number {
  let below = low;
  let above = high;
  while (above - below > 1) {
    const middle = Math.floor((below + above) / 2);
    if (passes(middle)) above = middle;
    else below = middle;
  }
  return above;
}

/** Offsets by the runtime's time-zone data, cached per quarter of an hour, since offsets change at such bounds. */
function offsets(timeZone: string): OffsetAt {
  const format = zoneFormat(timeZone, { timeZoneName: 'longOffset' }, 'en-US');
  const known = new Map<number, number>();
  const quarter = MS_PER_HOUR / 4;
  return (epochMs) => {
    const bucket = Math.floor(epochMs / quarter);
    const cached = known.get(bucket);
    if (cached !== undefined) return cached;
    const first = offsetOf(format, bucket * quarter);
    // Historic local mean times changed at odd minutes; a quarter with such a change is not cached.
    if (first !== offsetOf(format, (bucket + 1) * quarter - 1)) return offsetOf(format, epochMs);
    if (known.size >= REMEMBERED * 8) known.clear();
    known.set(bucket, first);
    return first;
  };
}

function zoneFormat(timeZone: string, options: object, locale = 'sv-SE'): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat(locale, { ...options, timeZone });
  } catch (cause) {
    throw new KitError('CONFIG_INVALID', `${timeZone} is not a time zone that this runtime knows`, { cause });
  }
}

const OFFSET = /GMT(?:([+\u2212-])(\d{2}):(\d{2})(?::(\d{2}))?)?/;

function offsetOf(format: Intl.DateTimeFormat, epochMs: number): number {
  const match = OFFSET.exec(format.format(epochMs));
  if (match?.[1] === undefined) return 0;
  const [, sign, hours, minutes, seconds = '0'] = match;
  const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  return sign === '+' ? ms : -ms;
}
