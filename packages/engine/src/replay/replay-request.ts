import {
  formatInstant,
  type Instant,
  KitError,
  LIMITS,
  parseTime,
  type ReplayBody,
  type ReplaySelection,
  timeFault,
} from '@pik/schema';

import type { Context } from '../runtime/context.ts';

/** A validated request for a replay or a dry run. */
export interface ReplayRequest {
  readonly selection: ReplaySelection;
  /** Null if the caller leaves it to the backend. */
  readonly asOfMs: number | null;
  readonly limit: number;
}

/**
 * Validates the body of a replay. Times become fixed-width UTC, so that equal selections have equal texts.
 *
 * @throws KitError `REQUEST_INVALID` with the name of the field.
 */
export function readRequest({ clock, replayEventsMax }: Context, body: ReplayBody): ReplayRequest {
  const nowMs = clock.now();
  const start = readTime('start_time', body.start_time);
  const end = readTime('end_time', body.end_time);
  const received_from = readTime('received_from', body.received_from);
  const received_to = readTime('received_to', body.received_to);
  if (body.event_ids === undefined) checkRange(start, end);
  else checkIds(body);
  const asOfMs = readTime('as_of', body.as_of)?.epoch_ms ?? null;
  // A version as of a future time would block every recomputation until then.
  if (asOfMs !== null && asOfMs > nowMs + LIMITS.future_tolerance_ms) throw invalid('as_of', 'lies in the future');
  if (received_from !== null && received_to !== null && received_from.utc >= received_to.utc)
    throw invalid('received_from', 'must lie before received_to');
  return {
    selection: {
      entity_id: body.entity_id ?? null,
      source: body.source ?? null,
      event_type: body.event_type ?? null,
      event_ids: body.event_ids === undefined ? null : [...new Set(body.event_ids)],
      start_time: start?.utc ?? null,
      end_time: end?.utc ?? null,
      received_from: received_from?.utc ?? null,
      received_to: received_to?.utc ?? null,
      metrics: body.metrics === undefined ? null : [...new Set(body.metrics)].sort(),
      include_duplicates: body.include_duplicates ?? false,
    },
    asOfMs,
    limit: Math.min(body.limit ?? LIMITS.replay_events_per_call_default, replayEventsMax),
  };
}

/** True if a body selects events: a first call must, a later one may. */
export function hasSelection(body: ReplayBody): boolean {
  const { entity_id, source, event_type, event_ids, start_time, end_time, received_from, received_to } = body;
  const fields = [entity_id, source, event_type, event_ids, start_time, end_time, received_from, received_to];
  return fields.some((field) => field !== undefined);
}

function checkRange(start: Instant | null, end: Instant | null): void {
  if (start === null) throw invalid('start_time', 'is required');
  if (end === null) throw invalid('end_time', 'is required');
  if (start.utc >= end.utc) throw invalid('start_time', 'must lie before end_time');
}

function checkIds(body: ReplayBody): void {
  for (const field of ['entity_id', 'source', 'event_type', 'start_time', 'end_time'] as const) {
    if (body[field] !== undefined) throw invalid(field, 'cannot be given together with event_ids');
  }
}

function readTime(field: string, text: string | undefined): Instant | null {
  if (text === undefined) return null;
  const time = parseTime(text);
  if (time === null) throw invalid(field, `cannot be read: ${timeFault(text).hint}`);
  return { ...time, utc: formatInstant(time.epoch_ms, time.sub_ms_ns) };
}

function invalid(field: string, rule: string): KitError {
  return new KitError('REQUEST_INVALID', `${field} ${rule}`, { path: `/${field}` });
}
