import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { at } from '@pik/schema/events';
import { expect, test, vi } from 'vitest';

import { crc32 } from '../../src/outbox/crc32.ts';
import { openOver, pending, type Sandbox, sandbox } from './support/sandbox.ts';

// A directory of format 1, as written by the first release. It never changes: every later version must read it.

const GOLDEN = join(import.meta.dirname, 'golden/format-1');

function golden(): Sandbox {
  const box = sandbox();
  cpSync(GOLDEN, box.dir, { recursive: true });
  return box;
}

/** Creates the golden directory. */
async function make(box: Sandbox): Promise<void> {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 23, 12), toFake: ['Date'] });
  try {
    const outbox = await openOver(box);
    const records = ['{"n":1}', '{"n":2,"text":"ä"}', Buffer.from([0xff, 0x00]), '', '{"n":5}', '{"n":6}'];
    const positions = records.map((record) => outbox.append(record));
    await outbox.flush();
    const record = Buffer.from('{"n":5}');
    await outbox.deadLetter({ position: at(positions, 4), record }, { code: 'FIELD_MISSING', detail: 'no source' });
    outbox.acknowledge([1, 3]);
    await outbox.close();
  } finally {
    vi.useRealTimers();
  }
}

function content(dir: string): Record<string, string> {
  return Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name)).toString('hex')]));
}

test('O20, G23: this version writes format 1, byte for byte', async () => {
  const box = sandbox();
  await make(box);
  expect(content(box.dir)).toEqual(content(GOLDEN));
});

test('O20, G23: reads a directory of format 1: pending, acknowledged and dead records, and the next position', async () => {
  const outbox = await openOver(golden());
  expect(await pending(outbox)).toMatchObject([
    { position: 2, text: '{"n":2,"text":"ä"}' },
    { position: 4, text: '' },
    { position: 6, text: '{"n":6}' },
  ]);
  expect(outbox.stats()).toMatchObject({ dead_count: 1, oldest_stored_at: '2026-11-23T12:00:00.000Z' });
  expect(outbox.append('{}')).toBe(7);
  await outbox.close();
});

test('O20: refuses a newer segment or cursor with a code, and changes no file', async () => {
  const newerSegment = golden();
  const segment = newerSegment.read('segment-0000000000000001.log');
  segment.writeUInt32LE(2, 8);
  segment.writeUInt32LE(crc32(segment, 0, 12), 12);
  newerSegment.write('segment-0000000000000001.log', segment);
  const newerCursor = golden();
  const checked = Buffer.from('2 {"whatever":"it says"}');
  const checksum = crc32(checked, 0, checked.length).toString(16).padStart(8, '0');
  newerCursor.write('cursor', Buffer.concat([Buffer.from(`PIKCURSR ${checksum} ${checked}\n`), Buffer.alloc(8_000)]));
  for (const box of [newerSegment, newerCursor]) {
    // Damage that opening would otherwise repair.
    box.write('segment-0000000000000007.log', Buffer.from('PIKOUTBX'));
    const before = content(box.dir);
    await expect(openOver(box)).rejects.toMatchObject({ code: 'DATA_DIR_NEWER' });
    expect(content(box.dir)).toEqual(before);
  }
});

test('O20: ignores files that do not belong to an outbox', async () => {
  const box = golden();
  box.write('notes.txt', Buffer.from('mine'));
  box.write('segment-0000000000000001.log.bak', Buffer.from('mine too'));
  const outbox = await openOver(box);
  outbox.acknowledge([1, 2, 3, 4, 5, 6]);
  await outbox.close();
  expect(box.list()).toEqual(['cursor', 'dead-letters.ndjson', 'notes.txt', 'segment-0000000000000001.log.bak']);
});
