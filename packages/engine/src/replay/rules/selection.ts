import { formatEpochMs, formatInstant, type ReplaySelection } from '@pik/schema';

import type { EventRow } from '../../ports/rows.ts';

/** All events of all time: a null field does not restrict a selection. */
export const EMPTY_SELECTION: ReplaySelection = {
  entity_id: null,
  source: null,
  event_type: null,
  event_ids: null,
  start_time: null,
  end_time: null,
  received_from: null,
  received_to: null,
  metrics: null,
  include_duplicates: false,
};

/** The fields of an event that a selection tests. */
export type Selectable = Pick<
  EventRow,
  'event_id' | 'entity_id' | 'source' | 'event_type' | 'event_ms' | 'event_sub_ns' | 'received_ms'
>;

/** Whether a selection as of a receive time includes an event. Walks and the story of an event share this rule. */
export function isSelected(selection: ReplaySelection, asOfMs: number, event: Selectable): boolean {
  const { entity_id, source, event_type, event_ids, received_from, received_to } = selection;
  if (event.received_ms > asOfMs) return false;
  if (event_ids !== null && !event_ids.includes(event.event_id)) return false;
  if (entity_id !== null && entity_id !== event.entity_id) return false;
  if (source !== null && source !== event.source) return false;
  if (event_type !== null && event_type !== event.event_type) return false;
  const received = formatEpochMs(event.received_ms);
  if (received_from !== null && received < received_from) return false;
  if (received_to !== null && received >= received_to) return false;
  return isInTime(selection, event);
}

/** Whether an event lies in the half-open time range of a selection, to the nanosecond. */
export function isInTime(
  { start_time, end_time }: Pick<ReplaySelection, 'start_time' | 'end_time'>,
  event: { event_ms: number; event_sub_ns: number },
): boolean {
  // Fixed-width texts sort in order of time.
  const time = formatInstant(event.event_ms, event.event_sub_ns);
  return (start_time === null || time >= start_time) && (end_time === null || time < end_time);
}

/** True if two selections are equal field by field. */
export function sameSelection(a: ReplaySelection, b: ReplaySelection): boolean {
  const names = Object.keys(EMPTY_SELECTION) as (keyof ReplaySelection)[];
  return names.every((name) => JSON.stringify(a[name]) === JSON.stringify(b[name]));
}
