import {
  type AskedOf,
  type eventByKeyQuestion,
  fieldFault,
  isPackId,
  parseEventId,
  type ReceiptAddress,
} from '@pik/schema';

import type { EventQuery, InvestigatePipeline, TimelineQuery } from '../api/pipeline.ts';
import { accepts } from './accepts.ts';
import { json } from './answer.ts';
import type { Handler } from './call.ts';
import { ndjson } from './ndjson.ts';

/** `GET /events/:event_id`. */
export const explainById: Handler<'event', InvestigatePipeline> = async ({ pipeline }, { params, query, asking }) => {
  const event_id = params.event_id ?? '';
  if (parseEventId(event_id) === null)
    throw fieldFault('event_id', 'is not an event id: an event id has 47 characters of 0-9 and a-v');
  const { as_of: asOfMs = null } = pipeline.read('event', query);
  return json(await pipeline.explainEvent({ event_id }, { ...asking(), asOfMs }));
};

/** `GET /events`. */
export const explainByFields: Handler<'eventByKey', InvestigatePipeline> = async ({ pipeline }, { query, asking }) => {
  const { as_of: asOfMs = null, ...event } = pipeline.read('eventByKey', query);
  return json(await pipeline.explainEvent(eventQuery(event), { ...asking(), asOfMs }));
};

function eventQuery({
  source,
  event_type,
  entity_id,
  key,
  event_time,
}: Omit<AskedOf<typeof eventByKeyQuestion>, 'as_of'>): EventQuery {
  if (key !== undefined) {
    if (event_time !== undefined) throw fieldFault('event_time', 'cannot be given together with key');
    if (source === undefined) throw fieldFault('source', 'is required together with key');
    if (event_type === undefined) throw fieldFault('event_type', 'is required together with key');
    return { source, event_type, entity_id, key };
  }
  if (event_time === undefined) throw fieldFault('event_time', 'is required unless key is given');
  if (source !== undefined) throw fieldFault('source', 'is used together with key only');
  if (event_type !== undefined) throw fieldFault('event_type', 'is used together with key only');
  return { entity_id, event_time };
}

/** `GET /receipts/:pack_id/:line`: untrusted bytes, so never as a type that a browser would render. */
export const readReceipt: Handler<'receipt', InvestigatePipeline> = async (
  { pipeline },
  { params, request, asking },
) => {
  const address = receiptAddress(params);
  const { receipt, body } = await pipeline.receipt(address, asking());
  const headers = { vary: 'accept' };
  if (accepts(request, 'application/json')) return { ...json(receipt), headers };
  const filename = `receipt-${address.pack_id}-${address.line}.bin`;
  return {
    status: 200,
    type: 'application/octet-stream',
    body: new Uint8Array(body),
    headers: { ...headers, 'content-disposition': `attachment; filename="${filename}"` },
  };
};

function receiptAddress({ pack_id = '', line = '' }: Readonly<Record<string, string>>): ReceiptAddress {
  if (!isPackId(pack_id)) throw fieldFault('pack_id', 'is not the id of a pack');
  if (!/^\d{1,9}$/.test(line)) throw fieldFault('line', 'must be a whole number from 0');
  return { pack_id, line: Number(line) };
}

/** `GET /timeline`. */
export const readTimeline: Handler<'timeline', InvestigatePipeline> = async ({ pipeline }, { query, asking }) => {
  const {
    include,
    entity_id,
    start_time = null,
    end_time = null,
    as_of,
    limit,
    cursor = null,
  } = pipeline.read('timeline', query);
  const page: TimelineQuery = { entity_id, start_time, end_time, asOfMs: as_of ?? null, limit, cursor };
  if (include === undefined) return json(await pipeline.timeline(page, asking()));
  return ndjson(pipeline.rawEvents(page, { ...asking(), deliveries: include === 'deliveries' }));
};
