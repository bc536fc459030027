import { afterEach, expect, test, vi } from 'vitest';

import { openOver, pending, sandbox } from './support/sandbox.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

test('O11: a clock that goes back or jumps ahead changes neither order nor records', async () => {
  const box = sandbox();
  const times = [Date.UTC(2026, 0, 1), 0, Date.UTC(2099, 0, 1), 5, Date.UTC(2026, 0, 2)];
  for (const time of times) {
    vi.spyOn(Date, 'now').mockReturnValue(time);
    const outbox = await openOver(box);
    for (let n = 0; n < 3; n += 1) outbox.append(`{"time":${time},"n":${n}}`);
    await outbox.close();
  }
  const outbox = await openOver(box);
  const texts = (await pending(outbox)).map(({ text }) => text);
  expect(texts).toEqual(times.flatMap((time) => [0, 1, 2].map((n) => `{"time":${time},"n":${n}}`)));
  expect(outbox.stats().oldest_stored_at).toBe('2026-01-01T00:00:00.000Z');
  outbox.acknowledge([1, 2, 3, 4]);
  expect(outbox.stats().oldest_stored_at).toBe('1970-01-01T00:00:00.000Z');
  await outbox.close();
});

test('O18: two clones of a directory send the same bytes, so that the backend sees each event once', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  const box = sandbox();
  const first = await openOver(box);
  for (let seq = 1; seq <= 5; seq += 1) first.append(`{"producer":{"id":"p","seq":${seq}}}`);
  await first.close();
  const clone = box.copy();
  const [a, b] = [await openOver(box), await openOver(clone)];
  const [left, right] = [await pending(a), await pending(b)];
  expect(left.map(({ bytes }) => bytes)).toEqual(right.map(({ bytes }) => bytes));
  expect(left.length).toBe(5);
  await a.close();
  await b.close();
});
