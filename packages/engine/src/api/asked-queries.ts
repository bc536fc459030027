import type {
  AskedOf,
  computeQuestion,
  eventByKeyQuestion,
  explainChangeQuestion,
  selectionQuestion,
  timelineQuestion,
} from '@pik/schema';

import type { ChangeQuery, ComputeQuery, EventQuery, PageQuery, SelectionQuery, TimelineQuery } from './pipeline.ts';

// Queries of the capabilities, from the questions as they were asked: absent bounds are null, and `as_of` is called by its unit.

/** The page that a question asks for. */
export function pageQuery({ limit, cursor }: { limit: number; cursor?: string | undefined }): PageQuery {
  return { limit, cursor: cursor ?? null };
}

/** The event that a question names by its key, or by its entity and time. The question's own check admits no other. */
export function eventQuery(asked: AskedOf<typeof eventByKeyQuestion>): EventQuery {
  const { source = '', event_type = '', entity_id, key, event_time = '' } = asked;
  return key === undefined ? { entity_id, event_time } : { source, event_type, entity_id, key };
}

/** The page of an entity's events. */
export function timelineQuery(asked: AskedOf<typeof timelineQuestion>): TimelineQuery {
  const { entity_id, start_time = null, end_time = null, as_of: asOfMs = null } = asked;
  return { entity_id, start_time, end_time, asOfMs, ...pageQuery(asked) };
}

/** The page of a time range's events. */
export function selectionQuery(asked: AskedOf<typeof selectionQuestion>): SelectionQuery {
  const { source = null, event_type = null, received_from = null, received_to = null, as_of: asOfMs = null } = asked;
  const { start_time, end_time } = asked;
  return { source, event_type, start_time, end_time, received_from, received_to, asOfMs, ...pageQuery(asked) };
}

/** The value to compute. */
export function valueQuery(asked: AskedOf<typeof computeQuestion>): ComputeQuery {
  const { metric, key, window_start, as_of: asOfMs = null } = asked;
  return { metric, key, window_start, asOfMs };
}

/** The change to explain. With a first side only, the second is the current value. */
export function changeQuery(asked: AskedOf<typeof explainChangeQuestion>): ChangeQuery {
  const { metric, key, window_start, from = null, to, limit, cursor = null } = asked;
  return { metric, key, window_start, from, to: from === null ? null : (to ?? { kind: 'NOW' }), limit, cursor };
}
