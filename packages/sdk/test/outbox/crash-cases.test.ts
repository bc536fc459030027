import { expect, test } from 'vitest';

import type { SimProcess } from './support/sim-files.ts';
import { turn, World } from './support/world.ts';

// Histories that random tests produce too rarely.

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await turn();
}

/** Alternating numbers: half of the unsynced data survives. */
function tornEachTime(): () => number {
  let calls = 0;
  return () => {
    calls += 1;
    return calls % 2 === 1 ? 0.8 : 0.5;
  };
}

test('E3: records dropped by a failed fsync are reported as not stored, never stored by a second fsync, and not found by a later process', async () => {
  const world = new World({ segmentBytesMax: 100_000 });
  await world.open();
  const kept = world.append(100);
  await world.outbox?.flush();
  await turns(50);
  const from = world.process.log.length;
  let failures = 0;
  world.process.faultOf = (name) => {
    if (name !== 'sync' || failures > 0) return undefined;
    failures += 1;
    return 'full';
  };
  const lost = world.append(100);
  expect(await world.outbox?.stored(lost.position)).toMatchObject({ code: 'OUTBOX_FAILED' });
  await turns(20);
  // The segment is not synced again: the next sync is that of a new segment.
  const calls = world.process.log.slice(from).filter((name) => name === 'sync' || name === 'open new');
  expect(calls).toEqual(['sync']);
  const later = world.append(100);
  expect(await world.outbox?.stored(later.position)).toBeNull();
  expect(world.reports).toMatchObject([
    { kind: 'write_failed', first_position: lost.position, last_position: lost.position },
  ]);
  expect(world.outbox?.stats().pending_count).toBe(2);
  await world.end('kill');
  const found = await world.read((await world.open())?.readRecovered() ?? none());
  expect([...found.values()]).toEqual([kept.text, later.text]);
  await world.end('kill');
});

test('E3: `stored` returns the failure even if it is called while the failure is handled', async () => {
  const world = new World({ segmentBytesMax: 100_000 });
  await world.open();
  await turns(50);
  const asked: Promise<unknown>[] = [];
  let lost = 0;
  world.process.faultOf = (name) => {
    if (name === 'truncate') {
      // Another record waits behind it and will be stored.
      world.append(100);
      asked.push(world.outbox?.stored(lost) ?? Promise.resolve());
    }
    return name === 'sync' && asked.length === 0 ? 'full' : undefined;
  };
  lost = world.append(100).position;
  await world.outbox?.flush();
  await world.outbox?.flush();
  expect(await Promise.all(asked)).toMatchObject([{ code: 'OUTBOX_FAILED' }]);
  await world.end('kill');
});

test('a closed outbox writes nothing, whatever is called', async () => {
  const world = new World();
  const outbox = await world.open();
  const listed = world.append(100);
  await outbox?.close();
  const calls = world.process.calls;
  outbox?.acknowledge([listed.position]);
  const entry = { position: listed.position, record: Buffer.from(listed.text) };
  // The record is acknowledged in memory by now.
  expect(await outbox?.deadLetter(entry, { code: 'X', detail: '' })).toBeNull();
  expect(await outbox?.deadLetter({ ...entry, position: 99 }, { code: 'X', detail: '' })).toMatchObject({
    code: 'OUTBOX_CLOSED',
  });
  await outbox?.ready();
  await outbox?.flush();
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(world.process.calls).toBe(calls);
});

test('O4: a cursor slot that a killed process did not sync is made durable before the other is overwritten', async () => {
  const world = new World({ random: tornEachTime() });
  await world.open();
  const records = [world.append(100), world.append(100)];
  await world.outbox?.flush();
  await turns(50);
  // The second save is written, and the process is killed before the sync.
  const endAtSync = (process: SimProcess) => {
    process.faultOf = (name) => (name === 'sync' ? 'crash-before' : undefined);
  };
  endAtSync(world.process);
  world.acknowledge(records.slice(0, 1));
  await world.process.ended;
  await world.end('kill');
  // The next process is killed at the same point of its first save: after it wrote a segment header and its own slot.
  let writes = 0;
  await world.open([], (name) => {
    if (name === 'write') writes += 1;
    return name === 'sync' && writes === 2 ? 'crash-before' : undefined;
  });
  await world.process.ended;
  await world.end('power');
  const outbox = await world.open();
  expect(world.reports.map(({ kind }) => kind)).not.toContain('cursor_damaged');
  const found = await world.read(outbox?.readRecovered() ?? none());
  expect([...found.values()]).toEqual([records[1]?.text]);
  await world.end('kill');
});

async function* none() {}
