import { at } from '@pik/schema/events';
import { points } from '@pik/testkit/budget';
import { expect, test } from 'vitest';

import { RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES } from '../../src/outbox/format.ts';
import type { OutboxReport } from '../../src/outbox/reports.ts';
import { fileOf, openOver, pending, type Sandbox, sandbox } from './support/sandbox.ts';

// One segment of a few records on a real disk, truncated at every byte, and with every byte changed.

const TEXTS = ['{"n":1}', '{"n":2,"fill":"ä"}', '', '{"n":4}', `{"n":5,"fill":"${'x'.repeat(60)}"}`];
const ends = TEXTS.map((_, i) =>
  TEXTS.slice(0, i + 1).reduce((at, text) => at + RECORD_HEADER_BYTES + Buffer.byteLength(text), SEGMENT_HEADER_BYTES),
);
const SEGMENT = 'segment-0000000000000001.log';

async function written(): Promise<Sandbox> {
  const box = sandbox();
  const outbox = await openOver(box);
  for (const text of TEXTS) outbox.append(text);
  await outbox.close();
  expect(box.read(SEGMENT).length).toBe(ends.at(-1));
  return box;
}

test('O1: a truncated segment returns every record before the cut, and later records are not joined to it', async () => {
  const box = await written();
  const whole = box.read(SEGMENT);
  for (const length of points([...whole.keys(), whole.length])) {
    const cut = box.copy();
    cut.write(SEGMENT, whole.subarray(0, length));
    const reports: OutboxReport[] = [];
    const outbox = await openOver(cut, { onReport: (report) => reports.push(report) });
    const before = TEXTS.slice(0, ends.filter((end) => end <= length).length);
    expect((await pending(outbox)).map(({ text }) => text)).toEqual(before);
    const position = outbox.append('{"new":true}');
    expect(await outbox.stored(position)).toBeNull();
    await outbox.close();
    const again = await openOver(cut, { onReport: () => undefined });
    expect((await pending(again)).map(({ text }) => text)).toEqual([...before, '{"new":true}']);
    expect(again.stats().pending_count).toBe(before.length + 1);
    await again.close();
    const isTorn = length > SEGMENT_HEADER_BYTES && !ends.includes(length);
    expect(reports.filter(({ kind }) => kind === 'torn_tail').length).toBe(isTorn ? 1 : 0);
    cut.remove();
  }
});

test('O2: any changed byte loses at most its own record; it is reported, and the bytes are kept', async () => {
  const box = await written();
  const whole = box.read(SEGMENT);
  for (const at of points([...whole.keys()])) {
    for (const bits of [0x01, 0x80, 0xff]) {
      const changed = box.copy();
      const bytes = Buffer.from(whole);
      bytes[at] = bytes.readUInt8(at) ^ bits;
      changed.write(SEGMENT, bytes);
      const reports: OutboxReport[] = [];
      const outbox = await openOver(changed, { onReport: (report) => reports.push(report) });
      const hit = ends.findIndex((end) => at < end);
      const others = at < SEGMENT_HEADER_BYTES ? TEXTS : TEXTS.filter((_, i) => i !== hit);
      expect((await pending(outbox)).map(({ text }) => text)).toEqual(others);
      if (at < SEGMENT_HEADER_BYTES) {
        expect(reports.map(({ kind }) => kind)).toContain('header_damaged');
      } else {
        const start = ends[hit - 1] ?? SEGMENT_HEADER_BYTES;
        const { quarantine } = reports.find(({ kind }) => kind === 'damaged' || kind === 'torn_tail') as OutboxReport;
        expect(fileOf(quarantine)).toEqual(bytes.subarray(start, ends[hit]));
        if (hit < TEXTS.length - 1) {
          expect(reports[0]).toMatchObject({ kind: 'damaged', first_position: hit + 1, last_position: hit + 1 });
          expect(outbox.stats().damaged_count).toBe(1);
        }
      }
      await outbox.close();
      changed.remove();
    }
  }
});

test('O2: a record that contains the bytes of a segment is one record, before and after damage', async () => {
  const inner = (await written()).read(SEGMENT);
  const box = sandbox();
  const outbox = await openOver(box);
  for (const record of [Buffer.from('a'), inner, Buffer.from('b')]) outbox.append(record);
  await outbox.close();
  const again = await openOver(box);
  expect((await pending(again)).map(({ bytes }) => bytes)).toEqual([Buffer.from('a'), inner, Buffer.from('b')]);
  await again.close();
});

test('O2: a record that is damaged while the outbox is open is reported as lost, and the others are read', async () => {
  const box = await written();
  const reports: OutboxReport[] = [];
  const outbox = await openOver(box, { onReport: (report) => reports.push(report) });
  const bytes = box.read(SEGMENT);
  bytes[at(ends, 1) + RECORD_HEADER_BYTES + 30] = 0;
  bytes[at(ends, 0)] = 0;
  box.write(SEGMENT, bytes);
  expect((await pending(outbox)).map(({ position }) => position)).toEqual([1, 3, 5]);
  expect(reports.map(({ kind, first_position }) => [kind, first_position])).toEqual([
    ['damaged', 2],
    ['damaged', 4],
  ]);
  expect(outbox.stats()).toMatchObject({ pending_count: 3, damaged_count: 2 });
  await outbox.close();
});

test('O2: a segment with damaged bytes that cannot be copied is not deleted', async () => {
  const box = await written();
  const bytes = box.read(SEGMENT);
  bytes[SEGMENT_HEADER_BYTES] = 0;
  box.write(SEGMENT, bytes);
  box.write('quarantine', Buffer.from('not a folder'));
  const outbox = await openOver(box, { onReport: () => undefined });
  outbox.acknowledge([2, 3, 4, 5]);
  await outbox.close();
  expect(box.read(SEGMENT)).toEqual(bytes);
  // Even without records left in it, the next segment gets another name.
  box.write(SEGMENT, bytes.subarray(0, ends[0]));
  box.write('cursor', Buffer.alloc(8192));
  const again = await openOver(box, { onReport: () => undefined });
  expect(await again.stored(again.append('{}'))).toBeNull();
  await again.close();
  expect(box.read(SEGMENT)).toEqual(bytes.subarray(0, ends[0]));
});
