import { setImmediate } from 'node:timers/promises';
import type { AggregateStore, VersionRow } from '@pik/engine';
import { LIMITS } from '@pik/schema';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runs } from '../budget.ts';
import { makeVersionRow } from '../factories.ts';
import { all, compareBytes, FOREIGN_CURSORS, ODD_TEXTS, type World } from './world.ts';

const time = fc.constantFrom(-62_135_596_800_000, -86_400_000, -1, 0, Date.UTC(2025, 11, 28), 253_402_214_400_000);

const version: fc.Arbitrary<VersionRow> = fc
  .record({
    metric: fc.constantFrom('m', 'daily_event_count', 'm'.repeat(64)),
    key: fc.constantFrom(...ODD_TEXTS),
    window_start_ms: time,
    version: fc.integer({ min: 1, max: 2 ** 31 }),
    time_zone: fc.constantFrom('UTC', 'America/Argentina/Buenos_Aires'),
    value_json: fc.oneof(fc.json(), fc.constant(`"${'\u00e9'.repeat(LIMITS.aggregate_value_bytes_max / 2 - 1)}"`)),
    input_count: fc.integer({ min: 0, max: LIMITS.window_inputs_max }),
    definition_version: fc.integer({ min: 1, max: 2 ** 31 }),
    as_of_ms: time,
    computed_ms: time,
    unsettled: fc.boolean(),
    computation_id: fc.uuid(),
  })
  .map(makeVersionRow);

const inOrder = (a: VersionRow, b: VersionRow) =>
  compareBytes(a.metric, b.metric) ||
  compareBytes(a.key, b.key) ||
  a.window_start_ms - b.window_start_ms ||
  a.version - b.version;

const target = ({ metric, key, window_start_ms }: VersionRow) => ({ metric, key, window_start_ms });

/** Tests of versions. */
export function versionContract(world: () => World): void {
  it('a version is read back with every field, by its window and in a listing', async () => {
    const { aggregates } = world().backend;
    const stored = new Map<string, VersionRow>();
    await fc.assert(
      fc.asyncProperty(version, async (row) => {
        const name = JSON.stringify([row.metric, row.key, row.window_start_ms, row.version]);
        const standing = stored.get(name) ?? row;
        stored.set(name, standing);
        expect(await aggregates.append(row)).toEqual(standing);
        const latest = [...stored.values()].filter((other) => inOrder({ ...other, version: row.version }, row) === 0);
        expect(await aggregates.getLatest(target(row))).toEqual(latest.sort(inOrder).at(-1));
        expect(await aggregates.getVersion(target(row), row.version)).toEqual(standing);
        if (!latest.some(({ version }) => version === row.version + 1))
          expect(await aggregates.getVersion(target(row), row.version + 1)).toBeNull();
      }),
      runs(60),
    );
    expect(await all((cursor) => aggregates.listVersions({ limit: 7, cursor }))).toEqual(
      [...stored.values()].sort(inOrder),
    );
  });

  it('D20, D22: windows, keys and metrics that look alike have versions of their own', async () => {
    const { aggregates } = world().backend;
    const rows = ODD_TEXTS.flatMap((key) =>
      ['m', 'm_1'].flatMap((metric) =>
        [-1, 1].map((window_start_ms) => makeVersionRow({ metric, key, window_start_ms })),
      ),
    ).map((row, i) => ({ ...row, computation_id: `computation ${i}` }));
    for (const row of rows) expect(await aggregates.getLatest(target(row))).toBeNull();
    for (const row of rows) expect(await aggregates.append(row)).toEqual(row);
    for (const row of rows) expect(await aggregates.getLatest(target(row))).toEqual(row);
  });

  it('G15: a version never changes, even if another is appended under its number', async () => {
    const { backend, reopen } = world();
    const first = makeVersionRow({ computation_id: 'first' });
    const other = makeVersionRow({ computation_id: 'other', value_json: '"other"', as_of_ms: 0, unsettled: true });
    expect(await backend.aggregates.append(first)).toEqual(first);
    expect(await backend.aggregates.append(other)).toEqual(first);
    expect(await backend.aggregates.append(first)).toEqual(first);
    const { aggregates } = await reopen();
    expect(await aggregates.append(other)).toEqual(first);
    expect(await aggregates.getLatest(target(first))).toEqual(first);
    expect(await all((cursor) => aggregates.listVersions({ limit: 5, cursor }))).toEqual([first]);
  });

  it('the latest version has the highest number, in whatever order versions were appended', async () => {
    const { aggregates } = world().backend;
    for (const number of [3, 10, 1, 12, 2, 9, 11])
      await aggregates.append(makeVersionRow({ version: number, as_of_ms: 100 - number }));
    expect((await aggregates.getLatest(target(makeVersionRow())))?.version).toBe(12);
  });

  it('G15, D19, D20, A1: of concurrent appenders exactly one gets each number, and all get the stored row', async () => {
    const { aggregates } = world().backend;
    let run = 0;
    const pauses = fc.array(fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(pauses, async (appenders) => {
        run += 1;
        const key = `key ${run}`;
        const appended = await Promise.all(
          appenders.map((turns, i) => appendInTurns(aggregates, { key, name: `${run}.${i}`, turns })),
        );
        await expectOneWinnerEach(aggregates, key, appended.flat());
      }),
      runs(40),
    );
  });

  it('versions are listed in order of metric, key, window and number: all, of one value, of one window', async () => {
    const { aggregates } = world().backend;
    const rows = ['b', 'a', 'a_1'].flatMap((metric) =>
      ODD_TEXTS.flatMap((key) =>
        [1_000, -86_400_000, 9, -5].flatMap((window_start_ms) =>
          [11, 2, 1].map((number) => makeVersionRow({ metric, key, window_start_ms, version: number })),
        ),
      ),
    );
    for (const row of rows.toSorted((a, b) => compareBytes(a.computation_id, b.computation_id)))
      await aggregates.append(row);
    const sorted = rows.toSorted(inOrder);
    const list = (query: object) => all((cursor) => aggregates.listVersions({ limit: 1_000, ...query, cursor }));
    for (const limit of [5, 1_000]) expect(await list({ limit })).toEqual(sorted);
    for (const key of ODD_TEXTS) {
      const ofValue = sorted.filter((row) => row.metric === 'a' && row.key === key);
      for (const limit of [1, 4, 12, 100]) expect(await list({ metric: 'a', key, limit })).toEqual(ofValue);
      const ofWindow = ofValue.filter(({ window_start_ms }) => window_start_ms === -5);
      expect(await list({ metric: 'a', key, window_start_ms: -5, limit: 1 })).toEqual(ofWindow);
    }
    expect(await list({ metric: 'a', key: 'none' })).toEqual([]);
    expect(await list({ metric: 'a', key: 'a', window_start_ms: 0 })).toEqual([]);
  });

  it('A10: a cursor that no listing returned is refused', async () => {
    const { aggregates } = world().backend;
    await aggregates.append(makeVersionRow());
    for (const cursor of FOREIGN_CURSORS) {
      for (const query of [{}, { metric: 'metric', key: 'key' }, target(makeVersionRow())])
        await expect(aggregates.listVersions({ ...query, limit: 5, cursor })).rejects.toMatchObject({
          code: 'CURSOR_INVALID',
        });
    }
  });
}

interface Appended {
  readonly row: VersionRow;
  readonly given: VersionRow;
}

/** A processor that appends once per turn, each time with the number after the latest version that it sees. */
async function appendInTurns(
  aggregates: AggregateStore,
  { key, name, turns }: { key: string; name: string; turns: readonly number[] },
): Promise<Appended[]> {
  const appended: Appended[] = [];
  for (const [turn, pause] of turns.entries()) {
    for (let i = 0; i < pause; i++) await setImmediate();
    const latest = await aggregates.getLatest(target(makeVersionRow({ key })));
    const computation_id = `${name}.${turn}`;
    const row = makeVersionRow({ key, version: (latest?.version ?? 0) + 1, computation_id, value_json: `"${name}"` });
    appended.push({ row, given: await aggregates.append(row) });
  }
  return appended;
}

async function expectOneWinnerEach(
  aggregates: AggregateStore,
  key: string,
  appended: readonly Appended[],
): Promise<void> {
  const stored = await all((cursor) => aggregates.listVersions({ metric: 'metric', key, limit: 2, cursor }));
  expect(stored.map((row) => row.version)).toEqual(stored.map((_, i) => i + 1));
  expect(stored.length).toBeGreaterThan(0);
  for (const { row, given } of appended) expect(given).toEqual(stored[row.version - 1]);
  const won = appended.filter(({ row, given }) => row.computation_id === given.computation_id);
  expect(won.map(({ row }) => row.version).sort((a, b) => a - b)).toEqual(stored.map((row) => row.version));
}
