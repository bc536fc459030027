import * as z from 'zod/mini';

import {
  asOfQuerySchema,
  changeQuerySchema,
  computeQuerySchema,
  eventQuerySchema,
  importQuerySchema,
  ingestQuerySchema,
  pageQuerySchema,
  selectionQuerySchema,
  timelineQuerySchema,
  verifyQuerySchema,
  versionsQuerySchema,
} from './api-queries.ts';
import { changeExplanationSchema } from './change.ts';
import { ingestBatchSchema, ingestResultSchema, wireEventSchema } from './event.ts';
import { computedSchema, metricListSchema, versionPageSchema } from './history.ts';
import {
  deadLetterPageSchema,
  redriveAnswerSchema,
  redriveBodySchema,
  replayAnswerSchema,
  replayBodySchema,
  replayPageSchema,
  replayPlanSchema,
  replayViewSchema,
  selectionPageSchema,
} from './replay.ts';
import { REPORT_ROUTES } from './report-routes.ts';
import { eventExplanationSchema, receiptSchema, timelinePageSchema, verifyPageSchema } from './reports.ts';

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
    query: importQuerySchema,
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
  selection: {
    method: 'GET',
    path: '/selection',
    scope: 'investigate',
    summary: 'Events of a time range by source or type, in the order in which a replay walks them.',
    query: selectionQuerySchema,
    response: selectionPageSchema,
  },
  metricList: {
    method: 'GET',
    path: '/aggregates',
    scope: 'investigate',
    summary: 'The metrics that this server computes.',
    response: metricListSchema,
  },
  compute: {
    method: 'GET',
    path: '/aggregates/compute',
    scope: 'investigate',
    summary: 'A value now, or as it was known at a receive time; folded without writing.',
    query: computeQuerySchema,
    response: computedSchema,
  },
  versions: {
    method: 'GET',
    path: '/aggregates/versions',
    scope: 'investigate',
    summary: 'The versions of a value, oldest first: what was known, and when.',
    query: versionsQuerySchema,
    response: versionPageSchema,
  },
  explainChange: {
    method: 'GET',
    path: '/aggregates/explain',
    scope: 'investigate',
    summary: 'Why a value changed: between two versions, two receive times, or until now.',
    query: changeQuerySchema,
    response: changeExplanationSchema,
  },
  replay: {
    method: 'POST',
    path: '/replay',
    scope: 'replay',
    summary: 'Send past events again, or with dry_run say what that would change.',
    body: replayBodySchema,
    response: z.union([replayAnswerSchema, replayPlanSchema]),
  },
  replayCancel: {
    method: 'POST',
    path: '/replays/:replay_id/cancel',
    scope: 'replay',
    summary: 'Send nothing more of a replay; what it touched is still computed again.',
    response: replayViewSchema,
  },
  replays: {
    method: 'GET',
    path: '/replays',
    scope: 'investigate',
    summary: 'Who replayed what, when and why; the latest first.',
    query: pageQuerySchema,
    response: replayPageSchema,
  },
  replayById: {
    method: 'GET',
    path: '/replays/:replay_id',
    scope: 'investigate',
    summary: 'One replay and how far it has come.',
    response: replayViewSchema,
  },
  deadLetters: {
    method: 'GET',
    path: '/dead-letters',
    scope: 'investigate',
    summary: 'Messages that could not be processed, with the reason.',
    query: pageQuerySchema,
    response: deadLetterPageSchema,
  },
  redrive: {
    method: 'POST',
    path: '/dead-letters/redrive',
    scope: 'replay',
    summary: 'Put dead letters back into the queue.',
    body: redriveBodySchema,
    response: redriveAnswerSchema,
  },
  ...REPORT_ROUTES,
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
