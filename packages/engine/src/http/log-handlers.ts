import type { InvestigatePipeline, RejectsQuery } from '../api/pipeline.ts';
import { json } from './answer.ts';
import type { Handler } from './call.ts';
import { ndjson } from './ndjson.ts';

/** `GET /rejects`. */
export const listRejects: Handler<'rejects', InvestigatePipeline> = async ({ pipeline }, { query, asking }) => {
  const {
    include,
    start_time,
    end_time,
    code,
    source,
    event_type,
    limit,
    cursor = null,
  } = pipeline.read('rejects', query);
  const asked: RejectsQuery = { start_time, end_time, code, source, event_type, limit, cursor };
  if (include === 'body') return ndjson(pipeline.rejectedReceipts(asked, asking()));
  return json(await pipeline.rejects(asked, asking()));
};

/** `GET /verify`. */
export const verifyHour: Handler<'verify', InvestigatePipeline> = async ({ pipeline }, { query, asking }) =>
  json(await pipeline.verify(query.cursor ?? null, asking()));
