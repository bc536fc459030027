// Checked by a compiler that checks the declarations of its libraries too.
import { type AggregateInput, defineAggregate, entitiesWhere } from '@pik/aggregates';
import { type Outcome, parseTime } from '@pik/schema';
import { createProducer, defineCatalog, type EmitResult } from '@pik/sdk';
import { createInvestigator } from '@pik/sdk/investigator';
import { z } from 'zod';

const catalog = defineCatalog({ 'order.placed': { payload: z.object({ n: z.number() }), identity: 'content' } });
const producer = createProducer({ catalog, url: 'http://127.0.0.1:4600', source: 'shop' });
export const sent: Promise<EmitResult> = producer.emit('order.placed', { n: 1 }, { entity_id: 'e' }).result;
// @ts-expect-error: the catalog has no such event.
producer.emit('order.plcaed', { n: 1 }, { entity_id: 'e' });

const isPlaced = ({ event_type }: AggregateInput) => event_type === 'order.placed';
export const orders = defineAggregate({
  metric: 'orders',
  definition_version: 1,
  group_by: 'all',
  unit: 'entity_id',
  window: 'day',
  time_zone: 'UTC',
  reads_payload: false,
  ...entitiesWhere(isPlaced),
});
export const lag = createInvestigator({ url: 'http://127.0.0.1:4600' }).lag({
  start_time: '2026-01-01',
  end_time: '2026-02-01',
});
export const outcome: Outcome = 'ACCEPTED';
export const time = parseTime('2026-01-01T00:00:00Z');
