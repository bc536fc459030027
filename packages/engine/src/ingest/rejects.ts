import { KitError, type RejectedReceipt, type RejectPage } from '@pik/schema';
import type { RejectsQuery } from '../api/pipeline.ts';
import type { FailureKind, FailureRow } from '../ports/rows.ts';
import { type BoundedPage, boundedPage } from '../runtime/bounded-page.ts';
import type { Context } from '../runtime/context.ts';
import { createPackReader } from '../storage/raw-events.ts';
import { rejectView } from '../storage/rules/event-view.ts';

/** Later than any time that a pack id can hold. */
const EVER_MS = 2 ** 47;

/** Receipts read between two checks of the budget: a listing's cursor continues after the last receipt read. */
const RECEIPTS_AT_ONCE = 500;

/** Lists rejected receipts and conflicts, the latest received first. */
export async function rejects(context: Context, query: RejectsQuery): Promise<RejectPage> {
  const page = await failureRows(context, query);
  return { rejects: page.items.map(rejectView), next_cursor: page.next, ...page.cut };
}

function failureRows(
  { backend, budget }: Context,
  query: RejectsQuery,
  kinds?: readonly FailureKind[],
): Promise<BoundedPage<FailureRow>> {
  const { start_time = -EVER_MS, end_time = EVER_MS, code, source, event_type, limit, cursor } = query;
  const range = {
    ...{ code, source, event_type, limit, cursor, kinds },
    fromMs: Math.max(start_time, -EVER_MS),
    toMs: Math.min(end_time, EVER_MS),
  };
  return boundedPage(budget, query, (part) => backend.index.listFailures({ ...range, ...part }));
}

/**
 * Streams rejections with their received text as NDJSON lines, then `{"end":true,"count":n,"next_cursor":…}`. Receipts of a
 * pack are adjacent, so each pack is read once. If bytes are missing or damaged, the stream ends with an `{"error":…}`
 * line.
 */
export async function* rejectedReceipts(context: Context, query: RejectsQuery): AsyncGenerator<string> {
  const read = createPackReader(context);
  let { cursor } = query;
  let count = 0;
  do {
    const limit = Math.min(query.limit - count, RECEIPTS_AT_ONCE);
    const page = await failureRows(context, { ...query, limit, cursor }, ['REJECT']);
    for (const row of page.items) {
      try {
        yield `${JSON.stringify(await receiptOf(read, row))}\n`;
      } catch (error) {
        if (!KitError.is(error)) throw error;
        yield `${JSON.stringify({ error: { code: error.code, detail: error.message } })}\n`;
        return;
      }
    }
    count += page.items.length;
    cursor = page.next;
  } while (cursor !== null && count < query.limit && context.budget.spent() === null);
  yield `${JSON.stringify({ end: true, count, next_cursor: cursor })}\n`;
}

async function receiptOf(read: ReturnType<typeof createPackReader>, row: FailureRow): Promise<RejectedReceipt> {
  const { pack_id, line } = row;
  const envelope = (await read(pack_id))[line];
  if (envelope === undefined) throw new KitError('RAW_CORRUPT', `the pack ${pack_id} has no line ${line}`);
  const { imported, body, body_base64 } = envelope;
  const text = body === undefined ? { body_base64: body_base64 ?? '' } : { body };
  return { ...rejectView(row), imported, ...text };
}
