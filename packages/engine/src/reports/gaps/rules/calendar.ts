import { createWindows, MS_PER_DAY, MS_PER_HOUR, type Window, zoneOffsets } from '@pik/schema';

/** The length of a window. */
export type Grain = 'minute' | 'hour' | 'day';

/** The adjacent windows of a calendar: every instant lies in exactly one, with or without events. */
export interface Calendar {
  readonly grain: Grain;
  readonly timeZone: string;
  at(epochMs: number): Window;
  /** Offset of its zone from UTC in milliseconds, positive if ahead. */
  offsetAt(epochMs: number): number;
  /** The first instants of a span, without its start, at which the zone's offset is another than before. */
  changesBetween(fromMs: number, toMs: number): number[];
}

const MS_PER_MINUTE = 60_000;
/** No zone changes its offset twice within this time. */
const CHANGES_APART_MS = 7 * MS_PER_DAY;

/** The nominal length of a window; days and hours in which clocks change are longer or shorter. */
export const GRAIN_MS: Readonly<Record<Grain, number>> = {
  minute: MS_PER_MINUTE,
  hour: MS_PER_HOUR,
  day: MS_PER_DAY,
};

/** The calendar of a zone. Throws `CONFIG_INVALID` for a zone that the runtime does not know. */
export function createCalendar(grain: Grain, timeZone: string): Calendar {
  const offsetAt = zoneOffsets(timeZone);
  return {
    grain,
    timeZone,
    at: windowsOf(grain, timeZone),
    offsetAt,
    changesBetween: timeZone === 'UTC' ? () => [] : changesOf(offsetAt),
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

/** Searched once per week, since the series of a report mostly live at the same time. */
function changesOf(offsetAt: Calendar['offsetAt']): Calendar['changesBetween'] {
  const known = new Map<number, number | null>();
  const changeIn = (week: number): number | null => {
    const found = known.get(week);
    if (found !== undefined) return found;
    let low = week * CHANGES_APART_MS;
    let high = low + CHANGES_APART_MS;
    const before = offsetAt(low);
    if (offsetAt(high) === before) high = Number.NaN;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (offsetAt(middle) === before) low = middle;
      else high = middle;
    }
    const change = Number.isNaN(high) ? null : high;
    known.set(week, change);
    return change;
  };
  return (fromMs, toMs) => {
    const changes: number[] = [];
    for (let week = Math.floor(fromMs / CHANGES_APART_MS); week * CHANGES_APART_MS <= toMs; week++) {
      const change = changeIn(week);
      if (change !== null && change > fromMs && change <= toMs) changes.push(change);
    }
    return changes;
  };
}

/** All windows from the one that holds `fromMs` to the one that holds `toMs`. */
export function* windowsBetween(calendar: Calendar, fromMs: number, toMs: number): Generator<Window> {
  for (let window = calendar.at(fromMs); window.start_ms <= toMs; window = calendar.at(window.end_ms)) yield window;
}
