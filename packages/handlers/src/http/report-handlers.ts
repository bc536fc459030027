import { LIMITS } from '@pik/schema';

import type { InvestigatePipeline, ReportQuery } from '../pipeline.ts';
import { json } from './answer.ts';
import type { Handler, QueryOf } from './call.ts';
import { readAsOf, readRangeMs } from './query-time.ts';

/** "Late" unless the caller says otherwise. */
const LATE_OVER_MS_DEFAULT = 2 * 60 * 60 * 1000;

/** What a report is grouped by unless the caller says otherwise: one group per series. */
const BY_DEFAULT: ReportQuery['by'] = ['source', 'event_type'];

/** `GET /reports/lag`. */
export const reportLag: Handler<'lag', InvestigatePipeline> = async ({ pipeline }, { query }) =>
  json(await pipeline.lag({ ...reportQuery(query), lateOverMs: query.late_over_ms ?? LATE_OVER_MS_DEFAULT }));

/** `GET /reports/duplicates`. */
export const reportDuplicates: Handler<'duplicates', InvestigatePipeline> = async ({ pipeline }, { query }) =>
  json(await pipeline.duplicates(reportQuery(query)));

function reportQuery(query: QueryOf<'duplicates'>): ReportQuery {
  return {
    ...readRangeMs(query),
    asOfMs: readAsOf(query),
    source: query.source,
    event_type: query.event_type,
    basis: query.basis ?? 'event',
    by: query.by ?? BY_DEFAULT,
    includeImported: query.include_imported ?? false,
    groupsMax: query.limit ?? LIMITS.report_groups_max,
  };
}

/** `GET /rejects`. */
export const listRejects: Handler<'rejects', InvestigatePipeline> = async ({ pipeline }, { query }) =>
  json(
    await pipeline.rejects({
      ...readRangeMs(query),
      source: query.source,
      event_type: query.event_type,
      limit: query.limit ?? LIMITS.page_items_default,
      cursor: query.cursor ?? null,
    }),
  );

/** `GET /verify`. */
export const verifyHour: Handler<'verify', InvestigatePipeline> = async ({ pipeline }, { query }) =>
  json(await pipeline.verify(query.cursor ?? null));
