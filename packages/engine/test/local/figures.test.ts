import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LIMITS } from '@pik/schema';
import { makeEventRow, makeRequestRows, makeSliceRow } from '@pik/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { type LocalBackend, openLocalBackend } from '../../src/backends/local/open.ts';
import { createIds } from '../../src/runtime/ids.ts';

let dir: string;
let backend: LocalBackend;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'pik-figures-'));
  backend = await openLocalBackend({ dir });
});
afterEach(async () => {
  await backend.close();
  rmSync(dir, { recursive: true });
});

it('the figures of a directory count its events, waiting messages and dead letters', async () => {
  expect(await backend.figures()).toMatchObject({ events: 0, queue_depth: 0, dead_letters: 0 });
  const packId = createIds(backend.clock)();
  const rows = [1, 2, 3].map((n) => makeEventRow(packId, { payload: String(n) }));
  await backend.index.admit(rows, () => makeRequestRows());
  // Repeats are not events.
  await backend.index.admit(rows.slice(0, 1), () => makeRequestRows());
  await backend.queue.send([1, 2].map((n) => ({ message_id: `m${n}`, body: '{}' })));
  for (let taken = 0; taken < LIMITS.message_receives_max; taken++) {
    const [message] = await backend.queue.receive({ max: 1, visibilityMs: 60_000 });
    const failure = { code: 'C', detail: 'd', delayMs: -1_000_000 };
    await backend.queue.fail(message?.receipt ?? '', failure);
  }
  const { disk_free_bytes, ...counts } = await backend.figures();
  expect(counts).toEqual({ events: 3, queue_depth: 1, dead_letters: 1 });
  expect(disk_free_bytes).toBeGreaterThan(0);
});

it('the last receipt of each source is found in the latest days that have events', async () => {
  expect([...(await backend.lastReceived())]).toEqual([]);
  const newId = createIds(backend.clock);
  const slices = [
    { source: 'a', event_day: 10, received_max_ms: 100 },
    { source: 'a', event_day: 10, received_max_ms: 300 },
    { source: 'a', event_day: 400, received_max_ms: 200 },
    { source: 'b', event_day: 399, received_max_ms: 50 },
    { source: 'c', event_day: -5, received_max_ms: 70 },
  ];
  for (const slice of slices)
    await backend.index.admit([], () => makeRequestRows({ slices: [makeSliceRow(newId(), slice)] }));
  expect([...(await backend.lastReceived())]).toEqual([
    ['a', 300],
    ['b', 50],
    ['c', 70],
  ]);
  for (let day = 500; day < 560; day++)
    await backend.index.admit([], () =>
      makeRequestRows({ slices: [makeSliceRow(newId(), { ...slices[3], event_day: day })] }),
    );
  expect([...(await backend.lastReceived())]).toEqual([['b', 50]]);
});
