import * as z from 'zod/mini';

import { LIMITS } from './limits.ts';
import { count, flag, page, series, text, time, zone } from './query-fields.ts';

/** `GET /timeline`: the events of an entity in a half-open range of event time. */
export const timelineQuerySchema = z.strictObject({
  entity_id: text(LIMITS.entity_id_bytes_max),
  start_time: z.optional(time),
  end_time: z.optional(time),
  as_of: z.optional(time),
  time_zone: zone,
  /**
   * `body` streams the raw events as NDJSON, ending with an `{"end":true}` line; `deliveries` adds their further
   * receipts.
   */
  include: z.optional(z.enum(['body', 'deliveries'])),
  ...page,
});

/** `GET /events`: one event, by its key fields or by entity and time. */
export const eventQuerySchema = z.strictObject({
  source: z.optional(text(LIMITS.source_bytes_max)),
  event_type: z.optional(text(LIMITS.event_type_bytes_max)),
  entity_id: text(LIMITS.entity_id_bytes_max),
  key: z.optional(text(LIMITS.idempotency_key_bytes_max)),
  event_time: z.optional(time),
  as_of: z.optional(time),
  time_zone: zone,
});

/** `GET /verify`: one hour of the log per call. */
export const verifyQuerySchema = z.strictObject({ cursor: z.optional(text(2048)) });

/** `GET /selection`: events by source, type or time alone, in the order in which a replay reads them. */
export const selectionQuerySchema = z.strictObject({
  ...series,
  start_time: time,
  end_time: time,
  received_from: z.optional(time),
  received_to: z.optional(time),
  as_of: z.optional(time),
  time_zone: zone,
  include: z.optional(z.enum(['body', 'deliveries'])),
  ...page,
});

const metric = text(64);
/** The longest key text is a JSON array of two escaped ids with quotes and a comma. */
const key = text(2048);
/** A time, or a date such as `2018-02-03` in the metric's own time zone. */
const windowStart = time;

/** `GET /aggregates/compute`: computes a value now. */
export const computeQuerySchema = z.strictObject({
  metric,
  key,
  window_start: windowStart,
  as_of: z.optional(time),
  time_zone: zone,
});

/** `GET /aggregates/versions`: the history of one value, or of all windows of a metric and key. */
export const versionsQuerySchema = z.strictObject({
  metric,
  key,
  window_start: z.optional(windowStart),
  ...page,
});

/** `GET /aggregates/explain`: explains why a value changed. */
export const changeQuerySchema = z.strictObject({
  metric,
  key,
  window_start: windowStart,
  /** A version number, a receive time, or `now`. Without `from` and `to`: the last two versions. */
  from: z.optional(time),
  /** The same; defaults to `now` if only `from` is given. */
  to: z.optional(time),
  time_zone: zone,
  /** Maximum number of listed events and units, and the cursor of the next page. */
  ...page,
});

/** `GET /replays` and `GET /dead-letters`. */
export const pageQuerySchema = z.strictObject(page);

/** A query with only `as_of`. */
export const asOfQuerySchema = z.strictObject({ as_of: z.optional(time), time_zone: zone });

/** `POST /ingest`. */
export const ingestQuerySchema = z.strictObject({ dry_run: z.optional(flag) });

/** `POST /import`. */
export const importQuerySchema = z.strictObject({
  dry_run: z.optional(flag),
  /**
   * The line or position of the first record in its file, from 1. Among records that claim the same receive time, the
   * earlier line is first.
   */
  first_line: z.optional(count(LIMITS.file_line_max)),
});
