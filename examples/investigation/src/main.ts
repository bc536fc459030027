import { createInvestigator } from '@pik/sdk/investigator';

const url = process.env.PIK_URL ?? 'http://127.0.0.1:4600';
const investigator = createInvestigator({ url });

// Where is data delayed?
const lag = await investigator.lag({ by: ['source', 'event_type'] });
for (const { group, figures } of lag.groups) {
  console.log(group.source, group.event_type, `${figures.count} events, p95 ${figures.p95_ms} ms`);
}

// What is stored of this entity, byte for byte?
for await (const event of investigator.readEvents({ entity_id: 'user_123' })) {
  console.log(event.event_time, event.event_type, event.body);
}

// What happened to the event with this key?
const key = { source: 'checkout', event_type: 'order.placed', entity_id: 'user_123', key: 'o-1' };
console.log((await investigator.explainEvent(key)).summary);
