import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { at } from '@pik/schema/events';
import { expect, test } from 'vitest';

import type { OutboxReport } from '../../src/outbox/reports.ts';
import { openOver, pending, type Sandbox, sandbox } from './support/sandbox.ts';
import { World } from './support/world.ts';

const FILE = 'dead-letters.ndjson';
const REASON = { code: 'EVENT_TOO_LARGE', detail: 'the backend takes no such record' };

function letters(box: Sandbox): Record<string, unknown>[] {
  return box
    .read(FILE)
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('O13: a poison record goes to the dead-letter file with its reason, and does not block the others', async () => {
  const box = sandbox();
  const outbox = await openOver(box);
  const records = ['{"poison":"ä"}', '{"n":2}', '{"n":3}'];
  const positions = records.map((record) => outbox.append(record));
  await outbox.flush();
  const [poison] = await pending(outbox);
  expect(
    await outbox.deadLetter({ position: poison?.position ?? 0, record: poison?.bytes ?? Buffer.of() }, REASON),
  ).toBeNull();
  expect(letters(box)).toMatchObject([{ position: positions[0], ...REASON, record: records[0] }]);
  expect((await pending(outbox)).map(({ text }) => text)).toEqual(records.slice(1));
  outbox.acknowledge(positions.slice(1));
  expect(outbox.stats()).toMatchObject({ pending_count: 0, dead_count: 1 });
  await outbox.close();
  const again = await openOver(box);
  expect(again.stats()).toMatchObject({ pending_count: 0, dead_count: 1, recovered_count: 0 });
  await again.close();
});

test('O13: many letters at once share an fsync, none is missing, and bytes that are not text are kept unchanged', async () => {
  const box = sandbox();
  const outbox = await openOver(box);
  const records = [Buffer.from([0xff, 0x00, 0x0a]), ...Array.from({ length: 50 }, (_, n) => Buffer.from(`{"n":${n}}`))];
  const entries = records.map((record) => ({ position: outbox.append(record), record }));
  const failed = await Promise.all(entries.map((entry) => outbox.deadLetter(entry, REASON)));
  expect(failed).toEqual(entries.map(() => null));
  expect(letters(box).length).toBe(51);
  expect(Buffer.from(String(letters(box)[0]?.record_base64), 'base64')).toEqual(records[0]);
  expect(outbox.stats()).toMatchObject({ pending_count: 0, dead_count: 51 });
  // A second dead letter for the same record has no effect.
  expect(await outbox.deadLetter(entries[1] as (typeof entries)[number], REASON)).toBeNull();
  expect(letters(box).length).toBe(51);
  await outbox.close();
});

test('O13: an incomplete letter is reported, and the next one is not joined to it', async () => {
  const box = sandbox();
  const first = await openOver(box);
  const position = first.append('{"n":1}');
  await first.deadLetter({ position, record: Buffer.from('{"n":1}') }, REASON);
  await first.close();
  appendFileSync(join(box.dir, FILE), '{"position":7,"rec');
  const reports: OutboxReport[] = [];
  const outbox = await openOver(box, { onReport: (report) => reports.push(report) });
  expect(reports.map(({ kind }) => kind)).toEqual(['dead_letter_torn']);
  await outbox.deadLetter({ position: outbox.append('{"n":2}'), record: Buffer.from('{"n":2}') }, REASON);
  await outbox.close();
  const lines = box.read(FILE).toString().split('\n');
  expect(lines[1]).toBe('{"position":7,"rec');
  expect(JSON.parse(at(lines, 2))).toMatchObject({ record: '{"n":2}' });
});

test('O6, O13: if the letter cannot be written, the record stays pending, and a later attempt succeeds', async () => {
  const world = new World();
  await world.open();
  const listed = world.append(80);
  await world.outbox?.flush();
  const entry = { position: listed.position, record: Buffer.from(listed.text) };
  for (const kind of ['fail-before', 'full'] as const) {
    world.process.faultOf = () => kind;
    const code = kind === 'full' ? 'OUTBOX_FULL' : 'OUTBOX_FAILED';
    expect(await world.outbox?.deadLetter(entry, REASON)).toMatchObject({ code });
    expect(world.outbox?.stats()).toMatchObject({ pending_count: 1, dead_count: 0 });
  }
  world.process.faultOf = () => undefined;
  expect(await world.outbox?.deadLetter(entry, REASON)).toBeNull();
  expect(world.outbox?.stats()).toMatchObject({ pending_count: 0, dead_count: 1 });
  await world.end('close');
});
