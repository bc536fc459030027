import {
  type DeliveryView,
  type EventView,
  flagNames,
  formatEpochMs,
  formatInstant,
  packKey,
  type rejectViewSchema,
} from '@pik/schema';

import type { DeliveryRow, EventRow, FailedKind, FailureRow } from '../../ports/rows.ts';

/** An EVENT row as investigators see it. */
export function eventView(row: EventRow): EventView {
  return {
    event_id: row.event_id,
    source: row.source,
    event_type: row.event_type,
    entity_id: row.entity_id,
    event_time: formatInstant(row.event_ms, row.event_sub_ns),
    received_at: formatEpochMs(row.received_ms),
    lag_ms: row.received_ms - row.event_ms,
    payload_hash: row.payload_hash,
    identity: row.rule,
    idempotency_key: row.idempotency_key,
    producer: row.producer_id === null ? null : { id: row.producer_id, seq: row.producer_seq ?? 0 },
    sent_at: row.sent_ms === null ? null : formatEpochMs(row.sent_ms),
    flags: flagNames(row.flags),
    pack_id: row.pack_id,
    line: row.line,
    raw_key: packKey(row.pack_id),
  };
}

/** A DELIVERY row as investigators see it, compared with the first receipt of its event. */
export function deliveryView(row: DeliveryRow, first: EventRow): DeliveryView {
  return {
    outcome: row.outcome,
    received_at: formatEpochMs(row.received_ms),
    after_first_ms: row.received_ms - first.received_ms,
    event_time: formatInstant(row.event_ms, row.event_sub_ns),
    lag_ms: row.received_ms - row.event_ms,
    payload_hash: row.payload_hash,
    flags: flagNames(row.flags),
    pack_id: row.pack_id,
    line: row.line,
    raw_key: packKey(row.pack_id),
  };
}

/** A FAILURE row as investigators see it. */
export function rejectView(row: FailureRow): (typeof rejectViewSchema)['_zod']['output'] {
  return {
    // Warnings are listed only on request, so this row is a failure.
    kind: row.kind as FailedKind,
    code: row.code,
    path: row.path,
    detail: row.detail,
    source: row.source,
    event_type: row.event_type,
    event_id: row.event_id,
    window: failedWindow(row),
    received_at: formatEpochMs(row.received_ms),
    pack_id: row.pack_id,
    line: row.line,
    raw_key: packKey(row.pack_id),
  };
}

/** The window that could not be computed; null for other kinds of failures. */
export function failedWindow({ window }: FailureRow): { metric: string; key: string; window_start: string } | null {
  if (window === null) return null;
  return { metric: window.metric, key: window.key, window_start: formatEpochMs(window.window_start_ms) };
}
