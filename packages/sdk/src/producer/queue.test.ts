import { expect, it } from 'vitest';
import type { Captured } from './captured.ts';
import { firstOf, Queue } from './queue.ts';
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

const queueOf = (batchCountMax: number) =>
  new Queue({ limits: { batchCountMax, batchBytesMax: 1_000 }, owner, now: () => 0 });

it('finds the first waiting event among any number of batches', () => {
  const queue = queueOf(1);
  const count = 130_000;
  for (let seq = 1; seq <= count; seq++)
    queue.push({ captured: { ...event, storage: count - seq }, seq, caller: null });
  expect([queue.firstSeq, queue.firstPosition]).toEqual([1, 0]);
  expect(firstOf('firstPosition', queue, queue.batches)).toBe(0);
});

it.each([
  [1, 8],
  [3, 8],
  [8, 8],
  [20, 8],
])('with %i waiting events, keeps fewer dropped ones than a batch of %i has', (waiting, batchCountMax) => {
  const queue = queueOf(batchCountMax);
  for (let seq = 1; seq <= 200; seq++) {
    if (seq > waiting) expect(queue.dropOldest()).not.toBeNull();
    queue.push({ captured: event, seq, caller: null });
    const kept = queue.batches.reduce((sum, { length }) => sum + length, 0);
    expect(kept).toBeLessThan(waiting + batchCountMax);
    expect(queue.firstSeq).toBe(Math.max(1, seq - waiting + 1));
  }
});
