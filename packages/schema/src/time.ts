/** Milliseconds per hour. */
export const MS_PER_HOUR = 3_600_000;
/** Milliseconds per day. */
export const MS_PER_DAY = 86_400_000;

/** 0001-01-01T00:00:00Z. */
export const EPOCH_MS_MIN = -62_135_596_800_000;
/** 9999-12-31T23:59:59.999Z. */
export const EPOCH_MS_MAX = 253_402_300_799_999;

/** A point in time, to the nanosecond. */
export interface Instant {
  /** Fixed width, 30 characters: `2025-12-28T23:59:59.000000000Z`. The text sorts by time. */
  readonly utc: string;
  /** Milliseconds since 1970-01-01T00:00:00Z, rounded down; negative before. */
  readonly epoch_ms: number;
  /** Nanoseconds beyond `epoch_ms`, 0 to 999,999. */
  readonly sub_ms_ns: number;
  /** True if the text had second 60; stored as the last nanosecond of the minute. */
  readonly leap_second: boolean;
}

const SHAPE = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Parses an RFC 3339 date-time with an offset, up to nanoseconds, within the years 0001 to 9999 in UTC; null otherwise
 * (`timeFault` says why). Accepts second 60 only at 23:59:60 in UTC.
 *
 * @example
 * import { parseTime } from '@pik/schema';
 *
 * parseTime('2026-02-01T09:00:00.000000001+01:00')?.utc; // 2026-02-01T08:00:00.000000001Z
 */
export function parseTime(text: string): Instant | null {
  const match = SHAPE.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, sign, offsetHour, offsetMinute] = match;
  const fields = {
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
    nanos: fraction === undefined ? 0 : Number(fraction.padEnd(9, '0')),
    offset: sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(offsetHour) * 60 + Number(offsetMinute)),
  };
  if (!isOnCalendar(fields) || Number(offsetHour ?? 0) > 23 || Number(offsetMinute ?? 0) > 59) return null;
  return toInstant(fields);
}

interface Fields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanos: number;
  readonly offset: number;
}

function isOnCalendar({ year, month, day, hour, minute, second }: Fields): boolean {
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60) return false;
  const leapDay = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0;
  return day <= (DAYS[month - 1] ?? 0) + leapDay;
}

function toInstant(fields: Fields): Instant | null {
  const leap = fields.second === 60;
  const nanos = leap ? 999_999_999 : fields.nanos;
  const seconds = (fields.hour * 60 + fields.minute - fields.offset) * 60 + (leap ? 59 : fields.second);
  const epoch_ms = daysFromCivil(fields) * MS_PER_DAY + seconds * 1000 + Math.floor(nanos / 1_000_000);
  if (epoch_ms < EPOCH_MS_MIN || epoch_ms > EPOCH_MS_MAX) return null;
  if (leap && Math.floor(epoch_ms / 60_000) % 1440 !== 1439 && Math.floor(epoch_ms / 60_000) % 1440 !== -1) return null;
  const sub_ms_ns = nanos % 1_000_000;
  return { utc: formatInstant(epoch_ms, sub_ms_ns), epoch_ms, sub_ms_ns, leap_second: leap };
}

/** Days since 1970-01-01 of a date of the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms"). */
function daysFromCivil({ year, month, day }: { year: number; month: number; day: number }): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

/** The reason why `parseTime` refused a text, with a hint how to write it. */
export interface TimeFault {
  readonly code: 'TIME_INVALID' | 'TIME_WITHOUT_OFFSET' | 'TIME_OUT_OF_RANGE';
  readonly hint: string;
}

/** Common deviations from RFC 3339, its form, and the advice. In the order of the text's end. */
const REPAIRS: readonly (readonly [pattern: RegExp, replacement: string, advice: string])[] = [
  [/\[[^\]]*\]$/, '', 'leave out the time zone in brackets'],
  [/ ?(?:UTC|GMT)$/i, 'Z', 'write Z for UTC'],
  [/^(\d{4}-\d{2}-\d{2}) +(?=\d)/, '$1T', 'write T between date and time'],
  [/ (?=[+-][\d:]{2,5}$)/, '', 'write no space before the offset'],
  [/([Tt].*[+-]\d{2})(\d{2})$/, '$1:$2', 'write a colon in the offset'],
  [/([Tt].*[+-]\d{2})$/, '$1:00', 'write the minutes of the offset too'],
  [/(:\d{2}),(\d)/, '$1.$2', 'write a point before the fraction of a second'],
  [/^(.{10}[Tt]\d{2}:\d{2})(?=[Zz+-])/, '$1:00', 'write the seconds too'],
];

/** The reason why `parseTime` refused this text. If only the form is wrong, the hint gives the corrected time. */
export function timeFault(text: string): TimeFault {
  let repaired = text;
  const advice = REPAIRS.flatMap(([pattern, replacement, tip]) => {
    const before = repaired;
    repaired = repaired.replace(pattern, replacement);
    return repaired === before ? [] : [tip];
  });
  if (advice.length === 0) return formFault(text);
  if (parseTime(repaired) !== null) return { code: 'TIME_INVALID', hint: `${advice.join(', ')}: ${repaired}` };
  const { code, hint } = formFault(repaired);
  return { code, hint: code === 'TIME_INVALID' ? hint : `${hint} (and ${advice.join(', ')})` };
}

function formFault(text: string): TimeFault {
  if (/^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/.test(text)) {
    return { code: 'TIME_WITHOUT_OFFSET', hint: 'the time has no offset; append Z or one such as +02:00' };
  }
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) {
    return {
      code: 'TIME_WITHOUT_OFFSET',
      hint: 'a date alone does not name an instant; write for example 2025-12-28T00:00:00Z',
    };
  }
  if (/[T ]\d{2}:\d{2}:\d{2}(\.\d+)? \d{2}:?\d{2}$/.test(text)) {
    return { code: 'TIME_INVALID', hint: 'there is a space before the offset: in a URL write + as %2B' };
  }
  const match = SHAPE.exec(text);
  if (match !== null && isOnCalendarText(match)) {
    return {
      code: 'TIME_OUT_OF_RANGE',
      hint: 'the time lies outside the years 0001 to 9999 in UTC, or is not a leap second',
    };
  }
  if (match !== null) return { code: 'TIME_INVALID', hint: 'the date or the time of day does not exist' };
  if (/^-?\d+(\.\d+)?$/.test(text)) {
    return { code: 'TIME_INVALID', hint: 'a number has no unit; write RFC 3339, for example 2025-12-28T23:59:59Z' };
  }
  if (/\.\d{10,}/.test(text)) return { code: 'TIME_INVALID', hint: 'more than nine digits of a second' };
  return { code: 'TIME_INVALID', hint: 'not RFC 3339, for example 2025-12-28T23:59:59Z' };
}

function isOnCalendarText(match: RegExpExecArray): boolean {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const offsetExists = Number(match[9] ?? 0) <= 23 && Number(match[10] ?? 0) <= 59;
  return offsetExists && isOnCalendar({ year, month, day, hour, minute, second, nanos: 0, offset: 0 });
}

/** Dates cached by day number: times that are written together mostly lie on a few days. */
const dates = new Map<number, string>();
const DATES_MAX = 1_000;

function dateOf(day: number): string {
  const known = dates.get(day);
  if (known !== undefined) return known;
  if (dates.size >= DATES_MAX) dates.clear();
  const date = dayFromNumber(day);
  dates.set(day, date);
  return date;
}

/** The fixed-width text of a time in milliseconds and additional nanoseconds. Years 0001 to 9999. */
export function formatInstant(epochMs: number, subMsNs: number): string {
  const second = Math.floor(epochMs / 1000);
  if (second !== lastSecond) {
    lastSecondText = secondText(second);
    lastSecond = second;
  }
  const nanos = subMsNs === 0 ? '000000Z' : `${String(subMsNs).padStart(6, '0')}Z`;
  return `${lastSecondText}${three(epochMs - second * 1000)}${nanos}`;
}

/** Caches the latest second: events mostly come in the order of their times. */
let lastSecond = Number.NaN;
let lastSecondText = '';

function secondText(epochSecond: number): string {
  const day = Math.floor(epochSecond / SECONDS_PER_DAY);
  const second = epochSecond - day * SECONDS_PER_DAY;
  const minute = Math.floor(second / 60);
  return `${dateOf(day)}T${two(Math.floor(minute / 60))}:${two(minute % 60)}:${two(second % 60)}.`;
}

const SECONDS_PER_DAY = 86_400;

/**
 * The fixed-width text of whole milliseconds since the epoch, clamped to the years 0001 to 9999.
 *
 * @example
 * import { formatEpochMs } from '@pik/schema';
 *
 * formatEpochMs(0); // 1970-01-01T00:00:00.000000000Z
 */
export function formatEpochMs(epochMs: number): string {
  return formatInstant(Math.min(Math.max(epochMs, EPOCH_MS_MIN), EPOCH_MS_MAX), 0);
}

const two = (n: number): string => (n < 10 ? `0${n}` : `${n}`);
const three = (n: number): string => (n < 10 ? `00${n}` : n < 100 ? `0${n}` : `${n}`);

/** Days since 1970-01-01 in UTC, rounded down. */
export function dayNumber(epochMs: number): number {
  return Math.floor(epochMs / MS_PER_DAY);
}

/** The date of a day number, as `2025-12-28`. */
export function dayFromNumber(day: number): string {
  return new Date(day * MS_PER_DAY).toISOString().slice(0, 10);
}

/** The UTC date of a time, as `2025-12-28`. */
export function utcDay(epochMs: number): string {
  return dayFromNumber(dayNumber(epochMs));
}

/** The start of the UTC hour that holds a time, in milliseconds since the epoch. */
export function floorToHour(epochMs: number): number {
  return Math.floor(epochMs / MS_PER_HOUR) * MS_PER_HOUR;
}
