import type { RejectPage } from '@pik/schema';

import { rejectView } from '../domain/event-view.ts';
import type { RejectsQuery } from '../pipeline.ts';
import type { Context } from './context.ts';

/** After every time that a pack id can carry. */
const EVER_MS = 2 ** 47;

/** A page of rejected receipts and conflicts, the latest received first. */
export async function rejects(context: Context, query: RejectsQuery): Promise<RejectPage> {
  const page = await context.backend.index.listFailures({
    fromMs: query.fromMs ?? -EVER_MS,
    toMs: query.toMs ?? EVER_MS,
    source: query.source,
    event_type: query.event_type,
    limit: query.limit,
    cursor: query.cursor,
  });
  return { rejects: page.items.map(rejectView), next_cursor: page.next };
}
