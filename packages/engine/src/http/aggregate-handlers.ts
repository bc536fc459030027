import { LIMITS, type MomentBase } from '@pik/schema';

import type { InvestigatePipeline, SelectionQuery } from '../api/pipeline.ts';
import { json } from './answer.ts';
import type { Handler, QueryOf } from './call.ts';
import { ndjson } from './ndjson.ts';
import { invalid } from './query.ts';
import { momentBase, readAsOf, readInstant } from './query-time.ts';

/** `GET /aggregates`. */
export const listMetrics: Handler<'metricList', InvestigatePipeline> = ({ pipeline }) =>
  json({ metrics: pipeline.metrics() });

/** `GET /aggregates/compute`. */
export const compute: Handler<'compute', InvestigatePipeline> = async ({ pipeline }, { query, asking }) => {
  const { metric, key, window_start } = query;
  return json(
    await pipeline.computeAggregate(
      {
        metric,
        key,
        window_start,
        asOfMs: readAsOf(query, momentBase(pipeline, query)),
      },
      asking(),
    ),
  );
};

/** `GET /aggregates/versions`. */
export const listVersions: Handler<'versions', InvestigatePipeline> = async ({ pipeline }, { query, asking }) =>
  json(
    await pipeline.versions(
      {
        metric: query.metric,
        key: query.key,
        window_start: query.window_start ?? null,
        limit: query.limit ?? LIMITS.page_items_default,
        cursor: query.cursor ?? null,
      },
      asking(),
    ),
  );

/** `GET /selection`. */
export const select: Handler<'selection', InvestigatePipeline> = async ({ pipeline }, { query, asking }) => {
  const selection = selectionQuery(query, momentBase(pipeline, query));
  const { include } = query;
  if (include === undefined) return json(await pipeline.selectEvents(selection, asking()));
  return ndjson(pipeline.selectRawEvents(selection, { ...asking(), deliveries: include === 'deliveries' }));
};

function selectionQuery(query: QueryOf<'selection'>, base: MomentBase): SelectionQuery {
  const utc = (field: 'start_time' | 'end_time' | 'received_from' | 'received_to') =>
    readInstant(field, query[field], base)?.utc ?? null;
  const start_time = utc('start_time') as string;
  const end_time = utc('end_time') as string;
  const [received_from, received_to] = [utc('received_from'), utc('received_to')];
  if (start_time >= end_time) throw invalid('start_time', 'must lie before end_time');
  if (received_from !== null && received_to !== null && received_from >= received_to)
    throw invalid('received_from', 'must lie before received_to');
  return {
    source: query.source ?? null,
    event_type: query.event_type ?? null,
    start_time,
    end_time,
    received_from,
    received_to,
    asOfMs: readAsOf(query, base),
    limit: query.limit ?? LIMITS.page_items_default,
    cursor: query.cursor ?? null,
  };
}
