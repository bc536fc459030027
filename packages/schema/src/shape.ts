import * as z from 'zod/mini';

import { LIMITS } from './limits.ts';
import { payloadValue } from './payload-value.ts';
import { as_of, count, cursor, moment, range, series, time_zone, toggle, withDefault } from './query-fields.ts';
import { type AnswerOf, type AskedOf, defineQuestion } from './question.ts';
import { nextCursorSchema } from './report-range.ts';

/** Types of JSON values; a whole number is an integer, however it is written. */
export const JSON_TYPES = ['object', 'array', 'string', 'integer', 'number', 'boolean', 'null'] as const;

/** Type of a JSON value. */
export type JsonType = (typeof JSON_TYPES)[number];

/** A path of the payloads of a series. */
const shapePathSchema = z.object({
  /** As in a search expression: `payload.items[*].sku`. */
  path: z.string(),
  /** Events that have it. */
  events: z.int(),
  /** Share of the events of the series, 0 to 1. */
  share: z.number(),
  /** The most frequent first. In lists, each element counts. */
  types: z.array(z.object({ type: z.enum(JSON_TYPES), count: z.int() })),
  /** Different values that are not objects or lists. */
  distinct: z.int(),
  /** True if there are too many to count one by one: then `distinct` is within a few percent. */
  is_estimated: z.boolean(),
  /** Least and largest number. */
  least: payloadValue(z.nullable(z.number()), 'place'),
  largest: payloadValue(z.nullable(z.number()), 'place'),
  /** Least and largest text, in order of code units. */
  first_text: payloadValue(z.nullable(z.string()), 'place'),
  last_text: payloadValue(z.nullable(z.string()), 'place'),
  /** Receive times. */
  first_seen: z.string(),
  last_seen: z.string(),
  /** A value as JSON, that of the last received event; null for objects and lists. */
  example: payloadValue(z.nullable(z.string()), 'place'),
});

/** A path of the payloads of a series. */
export type ShapePath = z.infer<typeof shapePathSchema>;

/** A change of the payloads of a series at the time that the question names. */
const driftSchema = z.object({
  /** `NEW`: only since then; `GONE`: no longer; `RARER`: less than half as often; `TYPE`: of a type that it did not have before. */
  kind: z.enum(['NEW', 'GONE', 'RARER', 'TYPE']),
  path: z.string(),
  /** The type of `TYPE`. */
  type: z.nullable(z.enum(JSON_TYPES)),
  /** Shares of the events before and since; of a `TYPE`, of those that have the path. */
  share_before: z.number(),
  share_since: z.number(),
  /** Corrected for everything that was compared. */
  p: z.number(),
});

/** A change of the payloads of a series. */
export type Drift = z.infer<typeof driftSchema>;

const shapeSeriesSchema = z.object({
  source: z.string(),
  event_type: z.string(),
  /** Accepted events of the range. */
  events: z.int(),
  /** Deletions: events whose payload is null. */
  deletions: z.int(),
  paths: z.array(shapePathSchema),
  /** The last stored event. */
  example: z.object({ pack_id: z.string(), line: z.int(), event_id: z.nullable(z.string()) }),
  /** Empty without `drift_from`. */
  drift: z.array(driftSchema),
  /** JSON Schema 2020-12 of the payloads, if it was asked for. */
  json_schema: z.optional(z.record(z.string(), z.unknown())),
});

/** The shape of the payloads of a source and type. */
export type ShapeSeries = z.infer<typeof shapeSeriesSchema>;

const shapeAnswer = z.object({
  as_of: z.string(),
  /** By source and type. */
  series: z.array(shapeSeriesSchema),
  series_total: z.int(),
  /** If the budget ended before the range, only events stored since then were read; otherwise null. */
  covered_from: z.nullable(z.string()),
  unreadable: z.array(z.object({ pack_id: z.string(), code: z.string() })),
  next_cursor: nextCursorSchema,
  partial: z.boolean(),
  notes: z.array(z.string()),
});

/** What do payloads look like? */
export const schemaQuestion = defineQuestion({
  name: 'schema',
  path: '/schema',
  scope: 'investigate',
  audit: 'sensitive',
  exposes: 'payload',
  form: 'page',
  summary: 'What do the payloads of each source and type look like, and what has changed?',
  query: {
    ...range,
    ...series,
    as_of,
    time_zone,
    drift_from: moment('say what has changed in the payloads received since this time'),
    json_schema: toggle('add the JSON Schema of the received payloads'),
    limit: withDefault(count(LIMITS.page_items_max, 'sources and types of one page'), 50),
    cursor,
  },
  answer: shapeAnswer,
  pages: ['series'],
});

/** Query of a schema. Its range is of receive times. */
export type SchemaQuery = AskedOf<typeof schemaQuestion>;

/** What do payloads look like? */
export type SchemaReport = AnswerOf<typeof schemaQuestion>;
