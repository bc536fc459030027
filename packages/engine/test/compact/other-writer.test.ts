import { readFileSync } from 'node:fs';

import { MS_PER_DAY, MS_PER_HOUR } from '@pik/schema';
import { Crash, createFaultyBackend } from '@pik/testkit';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { createQuestionContext } from '../../src/api/question-context.ts';
import { compact } from '../../src/compact/compact.ts';
import { dayOf } from '../../src/compact/day-file.ts';
import { derivedFiles } from '../../src/compact/hour-file.ts';
import { WRITER } from '../../src/compact/parquet.ts';
import { sweep } from '../../src/ingest/sweep.ts';
import { verify } from '../../src/verify/verify.ts';
import {
  type ClosedWorld,
  cellsOfSlices,
  closeDue,
  closedHours,
  comparable,
  createWorld,
  type LifeRecord,
  mergedCells,
  play,
  receiptsOf,
  slicesOf,
  slicesOfReceipts,
} from './closed-life.ts';

const OTHER = 'hyparquet-writer 0.0.1';
/** The writer in use; null for the installed one. */
const writer = vi.hoisted((): { name: string | null } => ({ name: null }));

vi.mock('../../src/compact/parquet.ts', async (original) => {
  const actual = await original<typeof import('../../src/compact/parquet.ts')>();
  const parquetBytes: typeof actual.parquetBytes = (columns, form) => {
    const plain = columns.map(({ encoding: _, ...column }) => column);
    return actual.parquetBytes(writer.name === null ? columns : plain, form);
  };
  return {
    ...actual,
    parquetBytes,
    get WRITER() {
      return writer.name ?? actual.WRITER;
    },
  };
});

beforeEach(() => {
  writer.name = null;
});

const record: LifeRecord = { source: 'a', entity: 1, key: 1, minute: 5, value: 0, claim: 0, sent: 1, broken: false };

/** Two hours of packs that are due to be closed, of a day that is over. */
async function lived(): Promise<ClosedWorld> {
  const world = createWorld();
  for (const [key, waitMinutes] of [1, 1, 61, 1].entries()) {
    const records = [0, 1, 2].map((entity) => ({ ...record, key, entity }));
    await play(world, { mode: 'live', waitMinutes, records });
  }
  world.clock.ms += 30 * MS_PER_HOUR;
  return world;
}

const filesOf = async (world: ClosedWorld) => (await closedHours(world)).flatMap(derivedFiles).map(({ key }) => key);
const writersOf = async (world: ClosedWorld) =>
  new Set((await closedHours(world)).map(({ form }) => form.split(', ').at(-1)));

/** Closed hours hold what slices hold, and verify finds nothing. */
async function expectWhole(world: ClosedWorld): Promise<void> {
  const slices = await slicesOf(world);
  const hours = await closedHours(world);
  expect(hours.length).toBe(2);
  const receipts = await Promise.all(hours.map((hour) => receiptsOf(world, hour)));
  expect(comparable(slicesOfReceipts(receipts.flat()))).toEqual(comparable(slices));
  const read = world.context.backend.closedHours;
  const cells = await Promise.all(hours.map((hour) => read?.readCells(hour) ?? []));
  const expected = cellsOfSlices(slices).map((cell) => [JSON.stringify(cell.key), cell] as const);
  expect(mergedCells(cells.flat())).toEqual(new Map(expected));
  for (let cursor: string | null = null, more = true; more; ) {
    const part: Awaited<ReturnType<typeof verify>> = await verify(world.context, cursor);
    expect(part.faults).toEqual([]);
    cursor = part.next_cursor;
    more = cursor !== null;
  }
}

describe('another version of the Parquet library', () => {
  it('is named by the commits of the hours that it wrote, which are read as all others', async () => {
    const [world, same] = [await lived(), await lived()];
    writer.name = OTHER;
    await closeDue(world);
    writer.name = null;
    await closeDue(same);
    expect([await writersOf(world), await writersOf(same)]).toEqual([new Set([OTHER]), new Set([WRITER])]);
    expect(await filesOf(world)).not.toEqual(await filesOf(same));
    await expectWhole(world);
  });

  it('has files of days that this one does not read: it reads the hours', async () => {
    const world = await lived();
    writer.name = OTHER;
    await closeDue(world);
    const readDay = async () => world.context.backend.closedHours?.readDay(await closedHours(world));
    expect(new Set((await closedHours(world)).map(dayOf)).size).toBe(1);
    expect(await readDay()).not.toBeNull();
    writer.name = null;
    expect(await readDay()).toBeNull();
  });

  it('leaves files behind in a crash before the commit, and this one writes and commits its own', async () => {
    const world = await lived();
    await sweep(world.context, { minAgeMs: 0, lookBackMs: 2 * MS_PER_DAY });
    let commits = 0;
    for (let call = 1; commits === 0 && call < 200; call++) {
      writer.name = OTHER;
      const faulty = createFaultyBackend(world.backend, [{ call, kind: 'crash-before' }]);
      await compact(createQuestionContext({ backend: faulty })).catch((error: unknown) => {
        expect(error).toBeInstanceOf(Crash);
      });
      commits = (await closedHours(world)).length;
    }
    writer.name = null;
    await closeDue(world);
    const [first, second] = await closedHours(world);
    expect([first, second].map((hour) => hour?.form.split(', ').at(-1))).toEqual([OTHER, WRITER]);
    await expectWhole(world);
  });
});

it('the name of the writer has the version that is installed', () => {
  const url = new URL('../../package.json', import.meta.url);
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(readFileSync(url, 'utf8'));
  expect(WRITER).toBe(`hyparquet-writer ${dependencies['hyparquet-writer']}`);
});
