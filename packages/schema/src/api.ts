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

/** The permissions of an API key. A key with `ingest` can read nothing; a key with `investigate` can write nothing. */
export const SCOPES = ['ingest', 'import', 'investigate', 'replay'] as const;

/** A permission of an API key. */
export type Scope = (typeof SCOPES)[number];

/** One HTTP route: its query and body, its answer, and the scope it requires. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** Path with `:name` for parameters. Caller ids are never part of a path. */
  readonly path: string;
  /** The required scope; null for public routes. */
  readonly scope: Scope | null;
  readonly summary: string;
  readonly query?: z.ZodMiniType | undefined;
  readonly body?: z.ZodMiniType | undefined;
  readonly response?: z.ZodMiniType | undefined;
}

const ingestBodySchema = z.union([wireEventSchema, z.array(wireEventSchema)]);
const ingestResponseSchema = z.union([ingestResultSchema, ingestBatchSchema]);

const define = <const T extends Record<string, Route>>(routes: T): T => routes;

/** All HTTP routes. The app, the OpenAPI document and the scope tests are generated from this table. */
export const ROUTES = define({
  home: { method: 'GET', path: '/', scope: null, summary: 'An HTML index of the routes.' },
  ingest: {
    method: 'POST',
    path: '/ingest',
    scope: 'ingest',
    summary: 'Store and admit one event, an array of them, NDJSON, or CloudEvents.',
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
    summary: 'Explain what happened to this event.',
    query: asOfQuerySchema,
    response: eventExplanationSchema,
  },
  eventByKey: {
    method: 'GET',
    path: '/events',
    scope: 'investigate',
    summary: 'Explain what happened to the event with this key, or of this entity at this time.',
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
    summary: 'Events of a time range by source or type, in the order in which a replay reads them.',
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
    summary: 'A value now, or as known at a receive time; computed without writing.',
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
    summary: 'Explain why a value changed: between two versions, two receive times, or until now.',
    query: changeQuerySchema,
    response: changeExplanationSchema,
  },
  replay: {
    method: 'POST',
    path: '/replay',
    scope: 'replay',
    summary: 'Send past events again, or with dry_run predict what that would change.',
    body: replayBodySchema,
    response: z.union([replayAnswerSchema, replayPlanSchema]),
  },
  replayCancel: {
    method: 'POST',
    path: '/replays/:replay_id/cancel',
    scope: 'replay',
    summary: 'Stop sending a replay; the windows it touched are still recomputed.',
    response: replayViewSchema,
  },
  replays: {
    method: 'GET',
    path: '/replays',
    scope: 'investigate',
    summary: 'Replays with their requester, time and reason; the latest first.',
    query: pageQuerySchema,
    response: replayPageSchema,
  },
  replayById: {
    method: 'GET',
    path: '/replays/:replay_id',
    scope: 'investigate',
    summary: 'One replay and its progress.',
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
    summary: 'Check log and index against each other, one hour of the log per call.',
    query: verifyQuerySchema,
    response: verifyPageSchema,
  },
  healthz: { method: 'GET', path: '/healthz', scope: null, summary: 'Whether log and index are available.' },
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
  /** The stored receipt, if an unreadable body was stored as one. */
  raw_key: z.optional(z.string()),
  line: z.optional(z.int()),
});

/** A problem+json answer (RFC 9457). */
export type Problem = z.infer<typeof problemSchema>;
