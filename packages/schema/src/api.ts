import * as z from 'zod/mini';

import type { GivenToAction } from './action.ts';
import {
  muteMonitorAction,
  redriveAction,
  reingestAction,
  replayAction,
  replayCancelAction,
  unmuteMonitorAction,
} from './actions.ts';
import { auditQuestion } from './audit.ts';
import { ingestBatchSchema, ingestResultSchema, wireEventSchema } from './event.ts';
import {
  eventByKeyQuestion,
  eventQuestion,
  proofQuestion,
  receiptQuestion,
  rejectsQuestion,
  selectionQuestion,
  timelineQuestion,
  verifyQuestion,
} from './event-questions.ts';
import { healthSchema } from './health.ts';
import { incidentsQuestion, monitorsQuestion } from './incidents.ts';
import { LIMITS } from './limits.ts';
import { count, toggle } from './query-fields.ts';
import {
  type AnswerForm,
  type AnswerOf,
  type Audit,
  type Exposure,
  type Fields,
  type GivenOf,
  type Lines,
  querySchema,
} from './question.ts';
import { QUESTIONS } from './questions.ts';
import { deadLettersQuestion, replayByIdQuestion, replaysQuestion } from './replay-questions.ts';
import type { Scope } from './scopes.ts';
import { tailQuestion } from './tail.ts';
import { computeQuestion, explainChangeQuestion, metricListQuestion, versionsQuestion } from './value-questions.ts';

/** One HTTP route: its query and body, its answer, the scope it requires, and the sensitivity of its answer. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** Path with `:name` for parameters. Caller ids are never part of a path. */
  readonly path: string;
  /** The required scope; null for public routes. */
  readonly scope: Scope | null;
  /** A second scope that the caller needs too. */
  readonly alsoScope?: Scope | undefined;
  readonly audit: Audit;
  readonly exposes: Exposure;
  readonly form: AnswerForm;
  readonly summary: string;
  readonly fields?: Fields | undefined;
  /** Declared parameters of the path. */
  readonly params?: Fields | undefined;
  readonly lines?: Lines | undefined;
  /** Declared fields of the JSON body. */
  readonly bodyFields?: Fields | undefined;
  readonly query?: z.ZodMiniType | undefined;
  readonly body?: z.ZodMiniType | undefined;
  readonly response?: z.ZodMiniType | undefined;
}

const ingestBodySchema = z.union([wireEventSchema, z.array(wireEventSchema)]);
const ingestResponseSchema = z.union([ingestResultSchema, ingestBatchSchema]);

/** The answer that SDKs of Segment and RudderStack expect; they ignore the counts. */
const segmentAnswerSchema = z.object({ success: z.boolean(), counts: ingestBatchSchema.shape.counts });

/** The answer to exporters of OTLP: empty, or what was not accepted. */
const otlpAnswerSchema = z.object({
  partialSuccess: z.optional(z.object({ rejectedLogRecords: z.string(), errorMessage: z.string() })),
});

const define = <const T extends Record<string, Route>>(routes: T): T => routes;

const ingestQuery = { dry_run: toggle('show the outcome that each would have; store and count nothing') };
const ownQuery = {
  ...ingestQuery,
  mapped: toggle('each line of NDJSON holds a record of another system, and the event that a map read from it'),
};
const importQuery = {
  ...ownQuery,
  first_line: count(
    LIMITS.file_line_max,
    'line, or place, of the first record in its file; if records claim the same receive time, the earlier one is first',
  ),
};

/** Routes about the server itself. */
const own = { method: 'GET', audit: 'none', exposes: 'nothing', form: 'whole' } as const;
/** Routes that write. */
const act = { method: 'POST', audit: 'act', exposes: 'ids', form: 'whole' } as const;

/** All HTTP routes. The app, the OpenAPI document and the scope tests are generated from this table. */
export const ROUTES = define({
  home: { ...own, path: '/', scope: null, summary: 'The console for a browser, the list of routes for other clients.' },
  routes: { ...own, path: '/routes', scope: null, summary: 'The list of routes, as a page or as text.' },
  ingest: {
    ...act,
    path: '/ingest',
    scope: 'ingest',
    audit: 'none',
    summary: 'Store and admit one event, an array of them, NDJSON, or CloudEvents.',
    fields: ownQuery,
    query: querySchema(ownQuery),
    body: ingestBodySchema,
    response: ingestResponseSchema,
  },
  import: {
    ...act,
    path: '/import',
    scope: 'import',
    summary: 'Backfill: as ingest, but each record carries its own received_at.',
    fields: importQuery,
    query: querySchema(importQuery),
    body: ingestBodySchema,
    response: ingestResponseSchema,
  },
  otlpLogs: {
    ...act,
    path: '/v1/logs',
    scope: 'ingest',
    audit: 'none',
    summary: 'Log records of OpenTelemetry (OTLP), in JSON or protobuf.',
    fields: ingestQuery,
    query: querySchema(ingestQuery),
    response: otlpAnswerSchema,
  },
  segment: {
    ...act,
    path: '/v1/:call',
    scope: 'ingest',
    audit: 'none',
    summary: 'Events of Segment and RudderStack: batch, track, identify, page, screen, group and alias.',
    fields: ingestQuery,
    query: querySchema(ingestQuery),
    response: segmentAnswerSchema,
  },
  hook: {
    ...act,
    path: '/hooks/:name',
    scope: null,
    audit: 'none',
    summary: 'A signed delivery of a declared webhook; its signature takes the place of a key.',
    fields: ingestQuery,
    query: querySchema(ingestQuery),
    response: ingestResultSchema,
  },
  event: eventQuestion,
  eventByKey: eventByKeyQuestion,
  proof: proofQuestion,
  tail: tailQuestion,
  receipt: receiptQuestion,
  timeline: timelineQuestion,
  selection: selectionQuestion,
  metricList: metricListQuestion,
  compute: computeQuestion,
  versions: versionsQuestion,
  explainChange: explainChangeQuestion,
  replay: replayAction,
  replayCancel: replayCancelAction,
  replays: replaysQuestion,
  replayById: replayByIdQuestion,
  deadLetters: deadLettersQuestion,
  redrive: redriveAction,
  monitors: monitorsQuestion,
  incidents: incidentsQuestion,
  muteMonitor: muteMonitorAction,
  unmuteMonitor: unmuteMonitorAction,
  ...QUESTIONS,
  rejects: rejectsQuestion,
  reingest: reingestAction,
  verify: verifyQuestion,
  audit: auditQuestion,
  mcp: {
    ...act,
    path: '/mcp',
    scope: 'investigate',
    audit: 'none',
    exposes: 'payload',
    summary: 'The questions as tools of the Model Context Protocol; each tool call is a separate request.',
  },
  healthz: {
    ...own,
    path: '/healthz',
    scope: null,
    summary: 'Whether events can be stored, and the state of the server.',
    response: healthSchema,
  },
  openapi: { ...own, path: '/openapi.json', scope: null, summary: 'This API as OpenAPI 3.1.' },
  metrics: { ...own, path: '/metrics', scope: 'investigate', summary: 'Metrics in the Prometheus text format.' },
});

/** The name of a route. */
export type RouteName = keyof typeof ROUTES;

/** All scopes that a route requires; none for a public route. */
export function scopesOf(name: RouteName): readonly Scope[] {
  const { scope, alsoScope }: Route = ROUTES[name];
  return [scope, alsoScope ?? null].filter((one) => one !== null);
}

/** Name of a declared action: a route that changes something and is recorded before. */
export type ActionName = {
  [N in RouteName]: (typeof ROUTES)[N] extends { readonly name: N; readonly audit: 'act' } ? N : never;
}[RouteName];

/** Name of a route that is declared as a question. */
export type DeclaredName = {
  [N in RouteName]: (typeof ROUTES)[N] extends { readonly name: N } ? Exclude<N, ActionName> : never;
}[RouteName];

/** Selection that a caller passes to an action, such as `ActOf<'redrive'>`: the fields of its body, its query and its path. */
export type ActOf<N extends ActionName> = GivenToAction<(typeof ROUTES)[N]>;

/** Name of a question whose answer may be sent as NDJSON lines. */
export type LinesName = {
  [N in DeclaredName]: (typeof ROUTES)[N] extends { readonly lines: 'never' } ? never : N;
}[DeclaredName];

/** Selection of a question, such as `SelectionOf<'lag'>`; for any other route, its query. */
export type SelectionOf<N extends RouteName> = GivenOf<(typeof ROUTES)[N]>;

/** Answer of a question, such as `ReportOf<'lag'>`. */
export type ReportOf<N extends RouteName> = AnswerOf<(typeof ROUTES)[N]>;

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
