import type { InvestigatePipeline, SelectionQuery } from '../api/pipeline.ts';
import { json } from './answer.ts';
import type { Handler } from './call.ts';
import { ndjson } from './ndjson.ts';

/** `GET /aggregates`. */
export const listMetrics: Handler<'metricList', InvestigatePipeline> = ({ pipeline }) =>
  json({ metrics: pipeline.metrics() });

/** `GET /aggregates/compute`. */
export const compute: Handler<'compute', InvestigatePipeline> = async ({ pipeline }, { query, asking }) => {
  const { metric, key, window_start, as_of = null } = pipeline.read('compute', query);
  return json(await pipeline.computeAggregate({ metric, key, window_start, asOfMs: as_of }, asking()));
};

/** `GET /aggregates/versions`. */
export const listVersions: Handler<'versions', InvestigatePipeline> = async ({ pipeline }, { query, asking }) => {
  const { metric, key, window_start = null, limit, cursor = null } = pipeline.read('versions', query);
  return json(await pipeline.versions({ metric, key, window_start, limit, cursor }, asking()));
};

/** `GET /selection`. */
export const select: Handler<'selection', InvestigatePipeline> = async ({ pipeline }, { query, asking }) => {
  const { include, ...asked } = pipeline.read('selection', query);
  const selection: SelectionQuery = {
    source: asked.source ?? null,
    event_type: asked.event_type ?? null,
    start_time: asked.start_time,
    end_time: asked.end_time,
    received_from: asked.received_from ?? null,
    received_to: asked.received_to ?? null,
    asOfMs: asked.as_of ?? null,
    limit: asked.limit,
    cursor: asked.cursor ?? null,
  };
  if (include === undefined) return json(await pipeline.selectEvents(selection, asking()));
  return ndjson(pipeline.selectRawEvents(selection, { ...asking(), deliveries: include === 'deliveries' }));
};
