import type { ReplaySelection } from '@pik/schema';

/** The selection of a replay in words. */
export function selectionText(selection: ReplaySelection): string {
  const { entity_id, source, event_type, event_ids, start_time, end_time, metrics } = selection;
  const parts = [
    event_ids === null
      ? null
      : `${event_ids.length.toLocaleString('en-US')} ${event_ids.length === 1 ? 'event' : 'events'}`,
    entity_id === null ? null : `entity ${entity_id}`,
    source,
    event_type,
    start_time === null ? null : `from ${short(start_time)}`,
    end_time === null ? null : `to ${short(end_time)}`,
    metrics === null ? null : `for ${metrics.join(', ')}`,
  ];
  return parts.filter((part) => part !== null).join(' ');
}

const short = (time: string) => time.replace(/(:00)?(\.0+)?Z$/, 'Z').replace('T', ' ');

/** The body of a replay from the fields of an address or the recorded selection: empty ones are left out. */
export function replayBody(fields: {
  readonly [name: string]: string | readonly string[] | boolean | null | undefined;
}): {
  readonly [name: string]: string | readonly string[] | boolean;
} {
  const given: { [name: string]: string | readonly string[] | boolean } = {};
  for (const [name, value] of Object.entries(fields))
    if (value !== null && value !== undefined && value !== '' && value !== false) given[name] = value;
  return given;
}
