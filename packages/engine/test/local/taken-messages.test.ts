import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestClock } from '@pik/testkit';
import { afterEach, expect, it } from 'vitest';
import { openLocalBackend } from '../../src/backends/local/open.ts';

// A process that ends takes no message with it: the next one gets them without waiting for their time to pass.

const dir = mkdtempSync(join(tmpdir(), 'pik-taken-'));
afterEach(() => rmSync(dir, { recursive: true }));

it('messages that a process had taken when it ended are visible to the next, as delivered once; given back ones keep their delay', async () => {
  const clock = createTestClock();
  const taking = { max: 1, visibilityMs: 60_000 };
  const first = await openLocalBackend({ dir, clock });
  await first.queue.send(['taken', 'failed', 'waiting'].map((message_id) => ({ message_id, body: '{}' })));
  const [taken] = await first.queue.receive(taking);
  const [failed] = await first.queue.receive(taking);
  await first.queue.fail(failed?.receipt ?? '', { code: 'FAILED', detail: 'why', delayMs: 1_000 });
  await first.close();

  const next = await openLocalBackend({ dir, clock });
  const received = await next.queue.receive({ ...taking, max: 10 });
  const named = received.map(({ message_id, receives }) => `${message_id} ${receives}`);
  expect(named.sort()).toEqual(['taken 2', 'waiting 1']);
  // The process that ended cannot end the new delivery.
  expect(await next.queue.extend(taken?.receipt ?? '', 0)).toBe(false);
  clock.ms += 1_000;
  expect(await next.queue.receive(taking)).toMatchObject([{ message_id: 'failed', receives: 2 }]);
  await next.close();
});
