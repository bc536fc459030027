import { type Aggregate, KitError, parseTime, timeFault, type Window } from '@pik/schema';

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const HALF_DAY_MS = 43_200_000;

/**
 * The window that a text names: the time at which it starts, or for windows of a day their date in the metric's own zone.
 *
 * @throws KitError `REQUEST_INVALID` with the start of the window that the time lies in.
 */
export function windowAt(aggregate: Aggregate, text: string): Window {
  const isDate = DATE.test(text);
  const time = parseTime(isDate ? `${text}T12:00:00Z` : text);
  if (time === null) throw invalid(`cannot be read: ${timeFault(text).hint}`);
  if (isDate) {
    if (aggregate.window !== 'day') throw invalid(`must be a time: ${aggregate.metric} has windows of an hour`);
    return dayOf(aggregate, { text, noonMs: time.epoch_ms });
  }
  const window = aggregate.windows.at(time.epoch_ms);
  if (window.start_ms === time.epoch_ms && time.sub_ms_ns === 0) return window;
  const start = new Date(window.start_ms).toISOString();
  throw invalid(`is not the start of a window of ${aggregate.metric}; the one around it starts at ${start}`);
}

/** Noon in UTC lies on a date, or on the one before or after it, by the zone. */
function dayOf(aggregate: Aggregate, date: { text: string; noonMs: number }): Window {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: aggregate.time_zone, dateStyle: 'short' });
  for (const offsetMs of [0, -2 * HALF_DAY_MS, 2 * HALF_DAY_MS]) {
    const window = aggregate.windows.at(date.noonMs + offsetMs);
    // The runtime does not fill up years before 1000.
    if (format.format(window.start_ms).padStart(10, '0') === date.text) return window;
  }
  throw invalid(`is a date that ${aggregate.time_zone} left out`);
}

function invalid(rule: string): KitError {
  return new KitError('REQUEST_INVALID', `window_start ${rule}`, { path: '/window_start' });
}
