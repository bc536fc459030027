import { LIMITS, type MomentBase } from '@pik/schema';

import type { GapsQuery, InvestigatePipeline, RejectsQuery, ReportQuery } from '../api/pipeline.ts';
import { json } from './answer.ts';
import type { Handler, QueryOf } from './call.ts';
import { ndjson } from './ndjson.ts';
import { invalid } from './query.ts';
import { momentBase, readAsOf, readInstant, readRangeMs } from './query-time.ts';

/** "Late" unless the caller says otherwise. */
const LATE_OVER_MS_DEFAULT = 2 * 60 * 60 * 1000;

/** What a report is grouped by unless the caller says otherwise: one group per series. */
const BY_DEFAULT: ReportQuery['by'] = ['source', 'event_type'];

/** `GET /reports/lag`. */
export const reportLag: Handler<'lag', InvestigatePipeline> = async ({ pipeline }, { query, asking }) =>
  json(
    await pipeline.lag(
      {
        ...reportQuery(pipeline, query),
        lateOverMs: query.late_over_ms ?? LATE_OVER_MS_DEFAULT,
        worstMax: query.worst,
      },
      asking(),
    ),
  );

/** `GET /reports/duplicates`. */
export const reportDuplicates: Handler<'duplicates', InvestigatePipeline> = async ({ pipeline }, { query, asking }) =>
  json(await pipeline.duplicates({ ...reportQuery(pipeline, query), worstMax: query.worst }, asking()));

function reportQuery(pipeline: InvestigatePipeline, query: Partial<QueryOf<'duplicates'>>): ReportQuery {
  return { ...scopeOf(pipeline, query), basis: query.basis ?? 'event', by: query.by ?? BY_DEFAULT };
}

/** What each question about a range of events says of it. */
function scopeOf(
  pipeline: InvestigatePipeline,
  query: Partial<Omit<QueryOf<'duplicates'>, 'basis' | 'by'>>,
): Omit<ReportQuery, 'basis' | 'by'> {
  const base = momentBase(pipeline, query, query.cursor);
  return {
    ...readRangeMs(query, base),
    asOfMs: readAsOf(query, base),
    timeZone: base.timeZone,
    nowMs: base.nowMs,
    source: query.source,
    event_type: query.event_type,
    includeImported: query.include_imported ?? false,
    groupsMax: query.limit ?? LIMITS.report_groups_max,
    cursor: query.cursor ?? null,
  };
}

/** A day counts as finally known a week after its end, unless the caller says otherwise. */
const CLOSED_AFTER_MS_DEFAULT = 7 * 24 * 60 * 60 * 1000;

/** `GET /reports/completeness`. */
export const reportCompleteness: Handler<'completeness', InvestigatePipeline> = async (
  { pipeline },
  { query, asking },
) =>
  json(
    await pipeline.completeness(
      {
        ...scopeOf(pipeline, query),
        by: query.by ?? [],
        closedAfterMs: query.closed_after_ms ?? CLOSED_AFTER_MS_DEFAULT,
      },
      asking(),
    ),
  );

/** `GET /reports/failures`. */
export const reportFailures: Handler<'failures', InvestigatePipeline> = async ({ pipeline }, { query, asking }) => {
  const base = momentBase(pipeline, query, query.cursor);
  const baseline = readInstant('baseline_from', query.baseline_from, base);
  const range = readRangeMs(query, base);
  if (baseline !== null && (range.fromMs === null || baseline.epoch_ms >= range.fromMs))
    throw invalid('baseline_from', 'must lie before start_time, which is required with it');
  const { basis, includeImported, ...report } = reportQuery(pipeline, query);
  return json(await pipeline.failures({ ...report, baselineFromMs: baseline?.epoch_ms ?? null }, asking()));
};

/** `GET /reports/gaps`. */
export const reportGaps: Handler<'gaps', InvestigatePipeline> = async ({ pipeline }, { query, asking }) =>
  json(await pipeline.gaps(gapsQuery(query, momentBase(pipeline, query, query.cursor)), asking()));

const GRAIN_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

function gapsQuery(query: QueryOf<'gaps'>, base: MomentBase): GapsQuery {
  const { grain = 'hour', cadence_ms } = query;
  if (cadence_ms !== undefined && cadence_ms > GRAIN_MS[grain]) throw invalid('cadence_ms', 'is longer than the grain');
  if (query.metric !== undefined) {
    if (query.key === undefined) throw invalid('key', 'is required together with metric');
    if (query.start_time === undefined || query.end_time === undefined)
      throw invalid('start_time', 'and end_time are required together with metric');
  } else if (query.key !== undefined) throw invalid('key', 'is used together with metric only');
  return {
    ...readRangeMs(query, base),
    asOfMs: readAsOf(query, base),
    source: query.source,
    event_type: query.event_type,
    entity_id: query.entity_id,
    metric: query.metric,
    key: query.key,
    basis: query.basis ?? 'event',
    by: query.by ?? ['source', 'event_type'],
    includeImported: query.include_imported ?? false,
    grain,
    timeZone: base.timeZone,
    nowMs: base.nowMs,
    cadenceMs: cadence_ms ?? null,
    gapsMax: query.limit ?? LIMITS.report_gaps_max,
    cursor: query.cursor ?? null,
  };
}

/** `GET /rejects`. */
export const listRejects: Handler<'rejects', InvestigatePipeline> = async ({ pipeline }, { query, asking }) => {
  const asked: RejectsQuery = {
    ...readRangeMs(query, momentBase(pipeline, query)),
    code: query.code,
    source: query.source,
    event_type: query.event_type,
    limit: query.limit ?? LIMITS.page_items_default,
    cursor: query.cursor ?? null,
  };
  if (query.include === 'body') return ndjson(pipeline.rejectedReceipts(asked, asking()));
  return json(await pipeline.rejects(asked, asking()));
};

/** `GET /verify`. */
export const verifyHour: Handler<'verify', InvestigatePipeline> = async ({ pipeline }, { query, asking }) =>
  json(await pipeline.verify(query.cursor ?? null, asking()));
