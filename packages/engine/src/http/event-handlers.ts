import { isPackId, LIMITS, type MomentBase, parseEventId, type ReceiptAddress } from '@pik/schema';

import type { EventQuery, InvestigatePipeline, TimelineQuery } from '../api/pipeline.ts';
import { json } from './answer.ts';
import type { Handler, QueryOf } from './call.ts';
import { ndjson } from './ndjson.ts';
import { invalid } from './query.ts';
import { momentBase, readAsOf, readInstant, readRange } from './query-time.ts';

/** `GET /events/:event_id`. */
export const explainById: Handler<'event', InvestigatePipeline> = async ({ pipeline }, { params, query, asking }) => {
  const event_id = params.event_id ?? '';
  if (parseEventId(event_id) === null)
    throw invalid('event_id', 'is not an event id: an event id has 47 characters of 0-9 and a-v');
  return json(
    await pipeline.explainEvent({ event_id }, { ...asking(), asOfMs: readAsOf(query, momentBase(pipeline, query)) }),
  );
};

/** `GET /events`. */
export const explainByFields: Handler<'eventByKey', InvestigatePipeline> = async ({ pipeline }, { query, asking }) => {
  const base = momentBase(pipeline, query);
  return json(await pipeline.explainEvent(eventQuery(query, base), { ...asking(), asOfMs: readAsOf(query, base) }));
};

function eventQuery(query: QueryOf<'eventByKey'>, base: MomentBase): EventQuery {
  const { source, event_type, entity_id, key, event_time } = query;
  if (key !== undefined) {
    if (event_time !== undefined) throw invalid('event_time', 'cannot be given together with key');
    if (source === undefined) throw invalid('source', 'is required together with key');
    if (event_type === undefined) throw invalid('event_type', 'is required together with key');
    return { source, event_type, entity_id, key };
  }
  if (event_time === undefined) throw invalid('event_time', 'is required unless key is given');
  if (source !== undefined) throw invalid('source', 'is used together with key only');
  if (event_type !== undefined) throw invalid('event_type', 'is used together with key only');
  return { entity_id, event_time: readInstant('event_time', event_time, base)?.utc as string };
}

/** `GET /receipts/:pack_id/:line`: bytes of a stranger, so never as a type that a browser would render. */
export const readReceipt: Handler<'receipt', InvestigatePipeline> = async (
  { pipeline },
  { params, request, asking },
) => {
  const address = receiptAddress(params);
  const { receipt, body } = await pipeline.receipt(address, asking());
  const headers = { vary: 'accept' };
  if (wantsJson(request.headers.get('accept'))) return { ...json(receipt), headers };
  const filename = `receipt-${address.pack_id}-${address.line}.bin`;
  return {
    status: 200,
    type: 'application/octet-stream',
    body: new Uint8Array(body),
    headers: { ...headers, 'content-disposition': `attachment; filename="${filename}"` },
  };
};

function receiptAddress({ pack_id = '', line = '' }: Readonly<Record<string, string>>): ReceiptAddress {
  if (!isPackId(pack_id)) throw invalid('pack_id', 'is not the id of a pack');
  if (!/^\d{1,9}$/.test(line)) throw invalid('line', 'must be a whole number from 0');
  return { pack_id, line: Number(line) };
}

function wantsJson(accept: string | null): boolean {
  return (accept ?? '').split(',').some((range) => range.split(';', 1)[0]?.trim().toLowerCase() === 'application/json');
}

/** `GET /timeline`. */
export const readTimeline: Handler<'timeline', InvestigatePipeline> = async ({ pipeline }, { query, asking }) => {
  const base = momentBase(pipeline, query);
  const page: TimelineQuery = {
    entity_id: query.entity_id,
    ...readRange(query, base),
    asOfMs: readAsOf(query, base),
    limit: query.limit ?? LIMITS.page_items_default,
    cursor: query.cursor ?? null,
  };
  const { include } = query;
  if (include === undefined) return json(await pipeline.timeline(page, asking()));
  return ndjson(pipeline.rawEvents(page, { ...asking(), deliveries: include === 'deliveries' }));
};
