import { MS_PER_HOUR, packStoredMs } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { createQuestionContext } from '../../src/api/question-context.ts';
import type { HourRow, HourStore } from '../../src/ports/closed-hours.ts';
import { verify } from '../../src/verify/verify.ts';
import { type ClosedWorld, closeDue, createWorld, type LifeRecord, play } from '../compact/closed-life.ts';

// Closed hours: each change is made to one file or one commit alone, and verify names it.

const record: LifeRecord = { source: 'a', entity: 1, key: 1, minute: 5, value: 0, claim: -60, sent: 1, broken: false };

/** Two closed hours: repeats, a conflict, a reject, and an import that becomes the first receipt of an event of the first hour. */
async function lived(): Promise<ClosedWorld> {
  const world = createWorld();
  const send = (changes: Partial<LifeRecord>, mode: 'live' | 'import' = 'live', waitMinutes = 1) =>
    play(world, { mode, waitMinutes, records: [record, { ...record, ...changes }] });
  await send({ key: null });
  await send({ value: 1 });
  await send({ entity: 0, broken: true });
  await send({ source: 'b' }, 'live', 61);
  await send({ entity: 2 }, 'import');
  // The day of the hours is over, so that its cells are a file too.
  world.clock.ms += 30 * MS_PER_HOUR;
  await closeDue(world);
  return world;
}

async function faultsOf(
  { backend }: Pick<ClosedWorld, 'backend'>,
  hours: HourStore | undefined = backend.hours,
  sinceMs?: number,
) {
  const context = createQuestionContext({ backend: { ...backend, hours } });
  const faults: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof verify>> = await verify(context, cursor, sinceMs);
    for (const { code, text } of page.faults) faults.push(`${code} ${text}`);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return faults;
}

it('verify finds nothing in closed hours where nothing was changed', async () => {
  expect(await faultsOf(await lived())).toEqual([]);
});

describe('verify names a file of a closed hour', () => {
  const kinds = [
    '.outcomes',
    '.packs',
    '.seeds',
    '/cells/',
    '/identities/',
    '/intervals/',
    '/receipts/',
    '/moved/',
    '/words/',
  ];
  it.each(kinds.flatMap((kind) => ['damaged', 'missing', 'swapped'].map((fault) => [kind, fault] as const)))(
    '%s that is %s',
    async (kind, fault) => {
      const world = await lived();
      const { stored } = world.backend;
      const [key = '', other = ''] = [...stored.keys()].filter((one) => one.includes(kind));
      const bytes = stored.get(key) ?? new Uint8Array();
      if (fault === 'missing') stored.delete(key);
      else if (fault === 'damaged') stored.set(key, bytes.with(bytes.length >> 1, (bytes[bytes.length >> 1] ?? 0) ^ 1));
      else stored.set(key, stored.get(other) ?? new Uint8Array());
      const faults = await faultsOf(world);
      expect(faults.length).toBe(1);
      expect(faults[0]).toContain('HOUR_DAMAGED');
      expect(faults[0]).toContain(key);
    },
  );
});

it.each(['days', 'day-identities', 'day-intervals'])('verify names a damaged file of a day, of %s', async (kind) => {
  const world = createWorld();
  for (const key of [1, 2]) await play(world, { mode: 'live', waitMinutes: 61, records: [{ ...record, key }] });
  world.clock.ms += 48 * MS_PER_HOUR;
  await closeDue(world);
  const { stored } = world.backend;
  const [key = ''] = [...stored.keys()].filter((one) => one.includes(`/${kind}/`));
  stored.set(key, (stored.get(key) ?? new Uint8Array()).slice(1));
  expect(await faultsOf(world)).toEqual([expect.stringMatching(new RegExp(`^HOUR_DAMAGED .*/${kind}/`))]);
});

describe('verify names the commit of a closed hour', () => {
  /** The commits after a change of the first one; `null` deletes it. */
  async function changed(
    world: ClosedWorld,
    change: (first: HourRow, second: HourRow) => HourRow | null,
  ): Promise<string[]> {
    const { hours } = world.backend;
    const rows = (await hours?.list({ fromMs: 0, toMs: 2 ** 47 }))?.items ?? [];
    const [first, second] = rows;
    if (hours === undefined || first === undefined || second === undefined) throw new Error('two hours are closed');
    const all = [change(first, second), second].filter((row) => row !== null);
    const list: HourStore['list'] = async ({ fromMs, toMs }) => {
      return { items: all.filter(({ hour_ms }) => hour_ms >= fromMs && hour_ms < toMs), next: null };
    };
    return faultsOf(world, { ...hours, list });
  }

  it('whose root, counts or packs were changed', async () => {
    const world = await lived();
    const root = (of: HourRow) => ({ ...of, root: of.root.replaceAll(/./g, '0') });
    expect(await changed(world, root)).toEqual([expect.stringContaining('a root that is not that of its packs')]);
    const count = (of: HourRow) => ({ ...of, receipts: of.receipts + 1 });
    expect(await changed(world, count)).toEqual([expect.stringMatching(/^HOUR_DIFFERS .* counts/)]);
    const packs = (of: HourRow, { packs_file }: HourRow) => ({ ...of, packs_file });
    expect(await changed(world, packs)).toContainEqual(expect.stringMatching(/^HOUR_DIFFERS .* of another hour/));
  });

  it('that was exchanged with that of another hour, or its cells with theirs', async () => {
    const world = await lived();
    const swapped = (of: HourRow, second: HourRow) => ({ ...second, hour_ms: of.hour_ms });
    expect(await changed(world, swapped)).toContainEqual(expect.stringMatching(/^HOUR_DIFFERS .* of another hour/));
    const cells = (of: HourRow, { cells_file }: HourRow) => ({ ...of, cells_file });
    expect(await changed(world, cells)).toEqual([expect.stringMatching(/^HOUR_DIFFERS .* of another hour/)]);
  });

  it('that was deleted', async () => {
    expect(await changed(await lived(), () => null)).toEqual([expect.stringMatching(/^HOUR_MISSING /)]);
  });

  it('one of whose packs was exchanged', async () => {
    const world = await lived();
    const { packs } = world.backend;
    const [one = ''] = packs.keys();
    const other =
      [...packs.keys()].find((id) => packStoredMs(id) - packStoredMs(one) < MS_PER_HOUR && id !== one) ?? '';
    packs.set(one, packs.get(other) ?? new Uint8Array());
    expect((await faultsOf(world)).join('\n')).toContain('RAW_DIFFERS');
  });
});

it('since a time, verify finds changes of packs and hours stored since then, and no others', async () => {
  const world = await lived();
  const { packs, hours } = world.backend;
  const [first, second] = (await hours?.list({ fromMs: 0, toMs: 2 ** 47 }))?.items ?? [];
  const [one = '', last = ''] = [[...packs.keys()][0], [...packs.keys()].at(-1)];
  const files = [first?.cells_file.key ?? '', second?.cells_file.key ?? ''];
  for (const key of files) world.backend.stored.delete(key);
  for (const id of [one, last]) packs.delete(id);
  const since = await faultsOf(world, hours, (second?.hour_ms ?? 0) + 1);
  expect(since.map((text) => text.slice(0, 12))).toEqual(['RAW_MISSING ', 'HOUR_DAMAGED']);
  expect(since[1]).toContain(files[1]);
  const all = await faultsOf(world);
  expect(all.filter((text) => text.startsWith('HOUR_DAMAGED')).length).toBe(2);
});
