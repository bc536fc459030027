import type { Aggregate } from '@pik/aggregates';
import { KitError, momentFault, parseMoment, type Window } from '@pik/schema';

import type { Clock } from '../ports/backend.ts';

const DAY = /^(\d{4}-\d{2}-\d{2}|today|yesterday)$/;

/**
 * Returns the window that a text names: by its start, or for windows of a day by its date, `today` or `yesterday` in the
 * metric's zone.
 *
 * @throws KitError `REQUEST_INVALID` with the start of the window that contains the time.
 */
export function windowAt(aggregate: Aggregate, text: string, clock: Clock): Window {
  if (DAY.test(text) && aggregate.window !== 'day')
    throw invalid(`must be a time: ${aggregate.metric} has windows of an hour`);
  const time = parseMoment(text, { nowMs: clock.now(), timeZone: aggregate.time_zone });
  if (time === null) throw invalid(`cannot be read: ${momentFault(text)}`);
  const window = aggregate.windows.at(time.epoch_ms);
  if (window.start_ms === time.epoch_ms && time.sub_ms_ns === 0) return window;
  const start = new Date(window.start_ms).toISOString();
  throw invalid(`is not the start of a window of ${aggregate.metric}; the window that contains it starts at ${start}`);
}

function invalid(rule: string): KitError {
  return new KitError('REQUEST_INVALID', `window_start ${rule}`, { path: '/window_start' });
}
