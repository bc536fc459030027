import { expect, it } from 'vitest';
import type { PendingEvent } from './pending-event.ts';
import { firstOf, Queue } from './queue.ts';

it('finds the first waiting event among any number of batches', () => {
  const queue = new Queue({ batchCountMax: 1, batchBytesMax: 1_000 }, () => 0);
  const count = 200_000;
  for (let seq = 1; seq <= count; seq++) queue.push({ seq, chars: 1, storage: count - seq } as unknown as PendingEvent);
  expect([queue.firstSeq, queue.firstPosition]).toEqual([1, 0]);
  expect(firstOf('firstPosition', queue, queue.batches)).toBe(0);
});
