import { KitError, type RejectedReceipt, type RejectPage } from '@pik/schema';

import { rejectView } from '../domain/event-view.ts';
import type { RejectsQuery } from '../pipeline.ts';
import type { Page } from '../ports/queries.ts';
import type { FailureKind, FailureRow } from '../ports/rows.ts';
import type { Context } from './context.ts';
import { createPackReader } from './raw-events.ts';

/** After every time that a pack id can carry. */
const EVER_MS = 2 ** 47;

/** A page of rejected receipts and conflicts, the latest received first. */
export async function rejects(context: Context, query: RejectsQuery): Promise<RejectPage> {
  const page = await failureRows(context, query);
  return { rejects: page.items.map(rejectView), next_cursor: page.next };
}

function failureRows(
  { backend }: Context,
  query: RejectsQuery,
  kinds?: readonly FailureKind[],
): Promise<Page<FailureRow>> {
  const { fromMs, toMs, ...rest } = query;
  return backend.index.listFailures({ ...rest, kinds, fromMs: fromMs ?? -EVER_MS, toMs: toMs ?? EVER_MS });
}

/**
 * Rejections as NDJSON lines with what was received, then `{"end":true,"count":n,"next_cursor":…}`. Receipts of a pack follow
 * each other, so it is read once for all of them. Where bytes are missing or damaged the stream ends with an
 * `{"error":…}` line.
 */
export async function* rejectedReceipts(context: Context, query: RejectsQuery): AsyncGenerator<string> {
  const page = await failureRows(context, query, ['REJECT']);
  const read = createPackReader(context);
  for (const row of page.items) {
    const { pack_id, line } = row;
    try {
      const envelope = (await read(pack_id))[line];
      if (envelope === undefined) throw new KitError('RAW_CORRUPT', `the pack ${pack_id} has no line ${line}`);
      const { imported, body, body_base64 } = envelope;
      const receipt: RejectedReceipt = {
        ...rejectView(row),
        imported,
        ...(body === undefined ? { body_base64: body_base64 ?? '' } : { body }),
      };
      yield `${JSON.stringify(receipt)}\n`;
    } catch (error) {
      if (!KitError.is(error)) throw error;
      yield `${JSON.stringify({ error: { code: error.code, detail: error.message } })}\n`;
      return;
    }
  }
  yield `${JSON.stringify({ end: true, count: page.items.length, next_cursor: page.next })}\n`;
}
