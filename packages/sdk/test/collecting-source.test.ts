import { createCollectingProducer } from '@pik/sdk/testing';
import { expect, test } from 'vitest';

test('an emit whose source is undefined has the source of the collecting producer', () => {
  const producer = createCollectingProducer({ source: 'shop' });
  producer.emit('paid', { cents: 1 }, { entity_id: 'user_1', source: undefined });
  producer.emit('paid', { cents: 2 }, { entity_id: 'user_1', source: 'till' });
  expect(producer.events.map(({ source }) => source)).toEqual(['shop', 'till']);
});
