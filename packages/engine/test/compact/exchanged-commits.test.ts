import { MS_PER_HOUR } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { HourRow, HourStore } from '../../src/ports/closed-hours.ts';
import { type ClosedWorld, closeDue, createWorld, LIFE_START, type LifeRecord, play } from './closed-life.ts';

const record: LifeRecord = { source: 'a', entity: 1, key: 1, minute: 5, value: 0, claim: 0, sent: 1, broken: false };
const EVER = { fromMs: 0, toMs: 2 ** 47 };

/** Two closed hours of different sizes, with enough packs and receipts for reports to read their cells. */
async function lived(): Promise<ClosedWorld> {
  const world = createWorld();
  for (const size of [20, 30]) {
    for (let i = 0; i < 25; i++)
      await play(world, {
        mode: 'live',
        waitMinutes: 1,
        records: Array.from({ length: size }, (_, n) => ({ ...record, key: null, minute: i, entity: n })),
      });
    world.clock.ms += MS_PER_HOUR;
  }
  world.clock.ms += MS_PER_HOUR;
  await closeDue(world);
  // Questions use hours that were closed before they are asked.
  world.clock.ms += 1;
  return world;
}

/** The answers of reports with these commits; null for those of the slices alone. */
async function answers({ backend }: ClosedWorld, change: ((rows: readonly HourRow[]) => readonly HourRow[]) | null) {
  const { hours } = backend;
  if (hours === undefined) throw new Error('the backend keeps commits');
  const rows = (await hours.list(EVER)).items;
  expect(rows.length).toBe(2);
  const list: HourStore['list'] = async ({ fromMs, toMs }) => {
    const items = (change ?? (() => []))(rows).filter(({ hour_ms }) => hour_ms >= fromMs && hour_ms < toMs);
    return { items, next: null };
  };
  let reads = 0;
  const get: typeof backend.files.get = (key) => {
    reads += 1;
    return backend.files.get(key);
  };
  const changed = { ...backend, hours: { ...hours, list }, files: { ...backend.files, get } };
  const pipeline = createPipeline({ backend: changed });
  const base = { start_time: new Date(LIFE_START - MS_PER_HOUR), end_time: new Date(LIFE_START + 9 * MS_PER_HOUR) };
  const found = [
    await pipeline.ask('lag', base),
    await pipeline.ask('failures', base),
    await pipeline.ask('duplicates', base),
  ];
  return { found, reads };
}

describe('reports never count a commit', () => {
  const changes: Record<string, (one: HourRow, other: HourRow) => HourRow> = {
    'that is that of another hour': ({ hour_ms }, other) => ({ ...other, hour_ms }),
    'with the cells of another hour': (one, { cells_file }) => ({ ...one, cells_file }),
    'with the columns of another hour': (one, { columns }) => ({ ...one, columns }),
    'with the outcomes of another hour': (one, { outcomes_file }) => ({ ...one, outcomes_file }),
    'of another generation': (one) => ({ ...one, generation: one.generation + 1 }),
  };

  it.each(Object.entries(changes))('%s', async (_, change) => {
    const world = await lived();
    const slices = await answers(world, null);
    const whole = await answers(world, (rows) => rows);
    expect(whole.found).toEqual(slices.found);
    const both = ([one, other]: readonly HourRow[]) =>
      one === undefined || other === undefined ? [] : [change(one, other), other];
    const changed = await answers(world, both);
    expect(changed.found).toEqual(slices.found);
    // The other hour is still read from its files.
    expect(changed.reads).toBeGreaterThan(slices.reads);
    expect(changed.reads).toBeLessThan(whole.reads);
  });
});
