import type { InvestigatePipeline } from '../api/pipeline.ts';
import { json } from './answer.ts';
import type { Handler } from './call.ts';

/** `GET /aggregates/explain`. */
export const explainChange: Handler<'explainChange', InvestigatePipeline> = async ({ pipeline }, { query, asking }) => {
  const { from = null, to, limit, cursor = null, ...value } = pipeline.read('explainChange', query);
  const sides = { from, to: from === null ? null : (to ?? ({ kind: 'NOW' } as const)) };
  return json(await pipeline.explainChange({ ...value, ...sides, limit, cursor }, asking()));
};
