import * as z from 'zod/mini';

import { ingestBatchSchema, ingestResultSchema, wireEventSchema } from './event.ts';
import { LIMITS } from './limits.ts';
import {
  duplicatesReportSchema,
  eventExplanationSchema,
  lagReportSchema,
  receiptSchema,
  rejectPageSchema,
  timelinePageSchema,
  verifyPageSchema,
} from './reports.ts';

/** What an API key may do. A key with `ingest` can read nothing; one with `investigate` can write nothing. */
export const SCOPES = ['ingest', 'import', 'investigate', 'replay'] as const;

/** What an API key may do. */
export type Scope = (typeof SCOPES)[number];

/** One route of the HTTP surface: what it takes, what it answers, and which scope it asks for. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** Path with `:name` for parameters. Ids of callers are never part of a path. */
  readonly path: string;
  /** The scope that a key needs; null where everybody may call. */
  readonly scope: Scope | null;
  readonly summary: string;
  readonly query?: z.ZodMiniType;
  readonly body?: z.ZodMiniType;
  readonly response?: z.ZodMiniType;
}

const time = z.string().check(z.minLength(1), z.maxLength(LIMITS.time_chars_max));
const text = (bytesMax: number) => z.string().check(z.minLength(1), z.maxLength(bytesMax));
const flag = z.pipe(
  z.enum(['true', 'false']),
  z.transform((value) => value === 'true'),
);
const count = (max: number) =>
  z.pipe(
    z.string().check(z.regex(/^[0-9]{1,9}$/)),
    z.pipe(z.transform(Number), z.int().check(z.minimum(1), z.maximum(max))),
  );
const dimension = z.enum(['source', 'event_type', 'day', 'hour']);

const series = {
  source: z.optional(text(LIMITS.source_bytes_max)),
  event_type: z.optional(text(LIMITS.event_type_bytes_max)),
};

const page = {
  limit: z.optional(count(LIMITS.page_items_max)),
  cursor: z.optional(text(2048)),
};

/** The half-open time range and the filters that every report takes; all optional. */
const report = {
  start_time: z.optional(time),
  end_time: z.optional(time),
  as_of: z.optional(time),
  ...series,
  /** Which time decides what lies in the range: the event's own (default) or that of its receipt. */
  basis: z.optional(z.enum(['event', 'received'])),
  /** Comma-separated: source, event_type, day, hour. */
  by: z.optional(
    z.pipe(
      z.string(),
      z.pipe(
        z.transform((value: string) => value.split(',')),
        z.array(dimension).check(z.minLength(1), z.maxLength(4)),
      ),
    ),
  ),
  include_imported: z.optional(flag),
  limit: z.optional(count(LIMITS.report_groups_max)),
};

/** `GET /timeline`: the events of an entity in a half-open range of event time. */
export const timelineQuerySchema = z.strictObject({
  entity_id: text(LIMITS.entity_id_bytes_max),
  start_time: z.optional(time),
  end_time: z.optional(time),
  as_of: z.optional(time),
  /** `body` streams the raw events as NDJSON, closed by an `{"end":true}` line. */
  include: z.optional(z.enum(['body'])),
  ...page,
});

/** `GET /events`: one event by the fields of its key, or by entity and time. */
export const eventQuerySchema = z.strictObject({
  source: z.optional(text(LIMITS.source_bytes_max)),
  event_type: z.optional(text(LIMITS.event_type_bytes_max)),
  entity_id: text(LIMITS.entity_id_bytes_max),
  key: z.optional(text(LIMITS.idempotency_key_bytes_max)),
  event_time: z.optional(time),
  as_of: z.optional(time),
});

/** `GET /reports/lag`. */
export const lagQuerySchema = z.strictObject({
  ...report,
  /** Lag above which an arrival counts as late, in milliseconds; strictly above. Default two hours. */
  late_over_ms: z.optional(count(999_999_999)),
});

/** `GET /reports/duplicates`. */
export const duplicatesQuerySchema = z.strictObject(report);

/** `GET /rejects`: rejected receipts and conflicts, newest day first. */
export const rejectsQuerySchema = z.strictObject({
  start_time: z.optional(time),
  end_time: z.optional(time),
  ...series,
  ...page,
});

/** `GET /verify`: one hour of the log per call. */
export const verifyQuerySchema = z.strictObject({ cursor: z.optional(text(2048)) });

const asOfQuerySchema = z.strictObject({ as_of: z.optional(time) });
const ingestQuerySchema = z.strictObject({ dry_run: z.optional(flag) });
const ingestBodySchema = z.union([wireEventSchema, z.array(wireEventSchema)]);
const ingestResponseSchema = z.union([ingestResultSchema, ingestBatchSchema]);

const define = <const T extends Record<string, Route>>(routes: T): T => routes;

/** The whole HTTP surface. The app is built from it, OpenAPI is written from it, the scope test is generated from it. */
export const ROUTES = define({
  home: { method: 'GET', path: '/', scope: null, summary: 'An HTML index of the routes.' },
  ingest: {
    method: 'POST',
    path: '/ingest',
    scope: 'ingest',
    summary: 'Keep and admit one event, an array of them, NDJSON, or CloudEvents.',
    query: ingestQuerySchema,
    body: ingestBodySchema,
    response: ingestResponseSchema,
  },
  import: {
    method: 'POST',
    path: '/import',
    scope: 'import',
    summary: 'Backfill: as ingest, but each record carries its own received_at.',
    query: ingestQuerySchema,
    body: ingestBodySchema,
    response: ingestResponseSchema,
  },
  event: {
    method: 'GET',
    path: '/events/:event_id',
    scope: 'investigate',
    summary: 'What happened to this one event.',
    query: asOfQuerySchema,
    response: eventExplanationSchema,
  },
  eventByKey: {
    method: 'GET',
    path: '/events',
    scope: 'investigate',
    summary: 'What happened to the event with this key, or of this entity at this time.',
    query: eventQuerySchema,
    response: eventExplanationSchema,
  },
  receipt: {
    method: 'GET',
    path: '/receipts/:pack_id/:line',
    scope: 'investigate',
    summary: 'The received bytes of one receipt; with Accept: application/json its envelope.',
    response: receiptSchema,
  },
  timeline: {
    method: 'GET',
    path: '/timeline',
    scope: 'investigate',
    summary: 'The events of an entity in order of event time.',
    query: timelineQuerySchema,
    response: timelinePageSchema,
  },
  lag: {
    method: 'GET',
    path: '/reports/lag',
    scope: 'investigate',
    summary: 'Where is data delayed?',
    query: lagQuerySchema,
    response: lagReportSchema,
  },
  duplicates: {
    method: 'GET',
    path: '/reports/duplicates',
    scope: 'investigate',
    summary: 'What came more than once?',
    query: duplicatesQuerySchema,
    response: duplicatesReportSchema,
  },
  rejects: {
    method: 'GET',
    path: '/rejects',
    scope: 'investigate',
    summary: 'Rejected receipts and conflicts, with the address of their bytes.',
    query: rejectsQuerySchema,
    response: rejectPageSchema,
  },
  verify: {
    method: 'GET',
    path: '/verify',
    scope: 'investigate',
    summary: 'Compare log and index, one hour of the log per call.',
    query: verifyQuerySchema,
    response: verifyPageSchema,
  },
  healthz: { method: 'GET', path: '/healthz', scope: null, summary: 'Whether log and index answer.' },
  openapi: { method: 'GET', path: '/openapi.json', scope: null, summary: 'This surface as OpenAPI 3.1.' },
  metrics: { method: 'GET', path: '/metrics', scope: 'investigate', summary: 'Metrics in the Prometheus text format.' },
});

/** The name of a route. */
export type RouteName = keyof typeof ROUTES;

/** A problem+json answer (RFC 9457). */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.optional(z.string()),
  path: z.optional(z.string()),
  request_id: z.string(),
  retryable: z.boolean(),
  /** The kept receipt, when a body that could not be read was kept as one. */
  raw_key: z.optional(z.string()),
  line: z.optional(z.int()),
});

/** A problem+json answer (RFC 9457). */
export type Problem = z.infer<typeof problemSchema>;
