import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { timelineBound } from '@pik/schema';
import { makeEventRow, makeFailureRow, makeRequestRows, makeVersionRow } from '@pik/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type LocalBackend, openLocalBackend } from '../../src/backends/local/open.ts';
import { openLocalReader } from '../../src/backends/local/open-reader.ts';
import type { Backend } from '../../src/ports/backend.ts';
import type { EventRow } from '../../src/ports/rows.ts';
import { createIds } from '../../src/runtime/ids.ts';
import { readPages } from '../../src/runtime/pages.ts';
import { EVENT_TIME_END, EVENT_TIME_START } from '../../src/storage/timeline.ts';

let dir: string;
let backend: LocalBackend;
let reader: Backend;
let newId: () => string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'pik-reader-'));
  backend = await openLocalBackend({ dir, isShared: true });
  reader = openLocalReader({ dir });
  newId = createIds(backend.clock);
});
afterEach(async () => {
  await reader.close();
  await backend.close();
  rmSync(dir, { recursive: true });
});

/** More events than the keys of two generations in memory. */
const EVENTS = 150_000;
const PER_REQUEST = 5_000;
const ENTITIES = 40;

function rowsFrom(first: number): EventRow[] {
  const packId = newId();
  return Array.from({ length: PER_REQUEST }, (_, i) => {
    const n = first + i;
    return makeEventRow(packId, { entity: `e${n % ENTITIES}`, event_ms: Date.UTC(2025, 11, 28) + n, payload: `${n}` });
  });
}

/** Compares what both find of some events, and of the whole timeline of an entity. */
async function expectSame(all: readonly EventRow[], entity: string): Promise<void> {
  const some = all.filter((_, i) => i % 997 === 0 || i >= all.length - 100).map(({ event_id }) => event_id);
  const found = await reader.index.getEvents(some);
  expect(found).toEqual(await backend.index.getEvents(some));
  expect(found.every((row) => row !== null)).toBe(true);
  const listed = await timelineOf(reader, entity);
  expect(listed).toEqual(await timelineOf(backend, entity));
  expect(listed).toHaveLength(all.length / ENTITIES);
}

async function timelineOf({ index }: Backend, entity: string): Promise<string[]> {
  const ids: string[] = [];
  const bounds = { from: timelineBound(entity, EVENT_TIME_START), to: timelineBound(entity, EVENT_TIME_END) };
  const range = { ...bounds, asOfMs: Number.MAX_SAFE_INTEGER, limit: 1_000 };
  for await (const { event_id } of readPages((cursor) => index.listTimeline({ ...range, cursor }))) ids.push(event_id);
  return ids;
}

describe('a reader of a directory', () => {
  it('finds what the writer has committed, each event once, while keys move to disk', async () => {
    const all: EventRow[] = [];
    for (let first = 0; first < EVENTS; first += PER_REQUEST) {
      const rows = rowsFrom(first);
      await backend.index.admit(rows, () => makeRequestRows());
      all.push(...rows);
      // Not after each request, so that the reader also catches up with several.
      if (first % (3 * PER_REQUEST) === 0) await expectSame(all, `e${first % ENTITIES}`);
    }
    await expectSame(all, 'e1');
  });

  it('reads the history too, and writes nothing', async () => {
    const version = makeVersionRow({});
    await backend.aggregates.append(version);
    expect(await reader.aggregates.getLatest(version)).toEqual(version);
    for (const write of [
      () => reader.index.admit([], () => makeRequestRows()),
      () => reader.index.setMark('m', 1),
      () => reader.index.addFailures([makeFailureRow(newId())]),
      () => reader.rawLog.append(newId(), new Uint8Array(1)),
      () => reader.files.put('records/x', new Uint8Array(1)),
      () => reader.aggregates.append(version),
      () => reader.queue.send([{ message_id: 'm', body: '{}' }]),
    ])
      await expect(write()).rejects.toMatchObject({ name: 'KitError' });
    expect(await backend.index.getMark('m')).toBeNull();
  });
});
