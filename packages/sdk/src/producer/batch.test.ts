import { callerContext, KitError } from '@pik/schema/events';
import { expect, it } from 'vitest';

import { Batch } from './batch.ts';
import { eventContent } from './batch-contents.ts';
import type { Captured } from './captured.ts';
import { undelivered } from './pending-event.ts';
import { seriesOf } from './series.ts';

const owner = { producer_id: 'p', onAwaited() {}, stored: async () => null };
const event: Captured = {
  series: seriesOf('s', 't'),
  entityId: 'e',
  time: 0,
  payload: '{}',
  isCanonical: true,
  optionalFields: '',
  key: undefined,
  occurrence: true,
  chars: 1,
  fixed: null,
  fixedStart: 0,
  storage: null,
};

it('releases the context of an emit with its result', () => {
  const batch = new Batch(owner);
  for (let seq = 1; seq <= 2; seq++) batch.add(event, seq, callerContext());
  batch.resolve(0, undelivered(null, new KitError('NETWORK', 'no answer')));
  expect(batch.hookedAt(0)).toBeNull();
  expect(batch.hookedAt(1)).not.toBeNull();
});

it('sends the id that somebody has read before', () => {
  const batch = new Batch(owner);
  for (let seq = 1; seq <= 2; seq++) batch.add(event, seq, null);
  batch.noteEventId(0, 'known');
  const content = eventContent(batch, { producer: '', end: '', uncounted: '' }, false);
  expect(content.eventIdAt(0)).toBe('known');
  expect(content.eventIdAt(1)).toBe(batch.eventIdAt(1));
});
