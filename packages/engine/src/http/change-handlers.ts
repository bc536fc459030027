import { LIMITS, type MomentBase } from '@pik/schema';

import type { ChangeSideQuery, InvestigatePipeline } from '../api/pipeline.ts';
import { json } from './answer.ts';
import type { Handler } from './call.ts';
import { invalid } from './query.ts';
import { momentBase, readInstant } from './query-time.ts';

/** `GET /aggregates/explain`. */
export const explainChange: Handler<'explainChange', InvestigatePipeline> = async ({ pipeline }, { query, asking }) => {
  const { metric, key, window_start } = query;
  const base = momentBase(pipeline, query);
  const from = readSide(['from', query.from], base);
  const to = readSide(['to', query.to], base);
  if (from === null && to !== null) throw invalid('from', 'is required with to');
  return json(
    await pipeline.explainChange(
      {
        metric,
        key,
        window_start,
        from,
        to: from === null ? null : (to ?? { kind: 'NOW' }),
        limit: query.limit ?? LIMITS.change_items_default,
        cursor: query.cursor ?? null,
      },
      asking(),
    ),
  );
};

const VERSION = /^[0-9]{1,9}$/;

/** A version by its number, `now`, or a receive time. */
function readSide([field, text]: ['from' | 'to', string | undefined], base: MomentBase): ChangeSideQuery | null {
  if (text === undefined) return null;
  if (text === 'now') return { kind: 'NOW' };
  if (VERSION.test(text)) {
    if (Number(text) < 1) throw invalid(field, 'must be a version from 1, a receive time, or now');
    return { kind: 'VERSION', version: Number(text) };
  }
  return { kind: 'AS_OF', asOfMs: readInstant(field, text, base)?.epoch_ms as number };
}
