import { expect, it } from 'vitest';
import type { Captured } from './captured.ts';
import { firstOf, Queue } from './queue.ts';
import { seriesOf } from './series.ts';

it('finds the first waiting event among any number of batches', () => {
  const owner = { producer_id: 'p', onAwaited() {}, stored: async () => null };
  const queue = new Queue({ limits: { batchCountMax: 1, batchBytesMax: 1_000 }, owner, now: () => 0 });
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
  const count = 130_000;
  for (let seq = 1; seq <= count; seq++)
    queue.push({ captured: { ...event, storage: count - seq }, seq, caller: null });
  expect([queue.firstSeq, queue.firstPosition]).toEqual([1, 0]);
  expect(firstOf('firstPosition', queue, queue.batches)).toBe(0);
});
