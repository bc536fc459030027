import { createWindows, MS_PER_DAY, MS_PER_HOUR, type Window } from '@pik/schema';

/** How long a window is. */
export type Grain = 'minute' | 'hour' | 'day';

/** Windows of a calendar: side by side, every instant in exactly one, whether anything happened in it or not. */
export interface Calendar {
  readonly grain: Grain;
  at(epochMs: number): Window;
  /** Which windows are alike: the hour of the week in the zone, or for days the day of the week. */
  slotOf(window: Window): number;
}

const MS_PER_MINUTE = 60_000;

/** The nominal length of a window; days and hours in which clocks change are longer or shorter. */
export const GRAIN_MS: Readonly<Record<Grain, number>> = {
  minute: MS_PER_MINUTE,
  hour: MS_PER_HOUR,
  day: MS_PER_DAY,
};

/** The calendar of a zone. Throws `CONFIG_INVALID` for a zone that the runtime does not know. */
export function createCalendar(grain: Grain, timeZone: string): Calendar {
  const days = createWindows('day', timeZone);
  const weekday = weekdays(timeZone);
  return {
    grain,
    at: windowsOf(grain, timeZone),
    slotOf({ start_ms }) {
      const day = days.at(start_ms);
      const date = weekday(day.start_ms);
      return grain === 'day' ? date : date * 24 + hourOf(day, start_ms);
    },
  };
}

function windowsOf(grain: Grain, timeZone: string): Calendar['at'] {
  if (grain === 'minute' || (grain === 'hour' && timeZone === 'UTC')) {
    // Zones lie whole minutes from each other in all times that have events: their minutes are the same.
    const length = GRAIN_MS[grain];
    return (ms) => {
      const start_ms = Math.floor(ms / length) * length;
      return { start_ms, end_ms: start_ms + length };
    };
  }
  const windows = createWindows(grain, timeZone);
  return (ms) => windows.at(ms);
}

/** On a day of 23 or 25 hours the hours before noon are counted from its start, those after it from its end. */
function hourOf({ start_ms, end_ms }: Window, at: number): number {
  const fromStart = Math.floor((at - start_ms) / MS_PER_HOUR);
  if (fromStart < 12) return fromStart;
  return Math.max(12, 24 - Math.ceil((end_ms - at) / MS_PER_HOUR));
}

const NAMES = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** The day of the week by the start of a day, 0 for Monday. */
function weekdays(timeZone: string): (startMs: number) => number {
  // 1970-01-01 was a Thursday.
  if (timeZone === 'UTC') return (startMs) => (((startMs / MS_PER_DAY + 3) % 7) + 7) % 7;
  const format = new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'short' });
  const known = new Map<number, number>();
  return (startMs) => {
    const found = known.get(startMs) ?? NAMES.indexOf(format.format(startMs));
    known.set(startMs, found);
    return found;
  };
}

/** All windows from the one that holds `fromMs` to the one that holds `toMs`. */
export function* windowsBetween(calendar: Calendar, fromMs: number, toMs: number): Generator<Window> {
  for (let window = calendar.at(fromMs); window.start_ms <= toMs; window = calendar.at(window.end_ms)) yield window;
}
