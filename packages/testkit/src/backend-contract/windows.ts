import type { FailedWindow, WindowDone, WindowFailure, WindowResult, WindowTarget } from '@pik/engine';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runs } from '../budget.ts';
import { makeReplayRow } from '../factories.ts';
import { all, FOREIGN_CURSORS, ODD_TEXTS, type World } from './world.ts';

/** More windows than one page of any listing has. */
const MANY = 2_500;

const target = (rest: Partial<WindowTarget> = {}): WindowTarget => ({
  metric: 'metric',
  key: 'key',
  window_start_ms: 0,
  ...rest,
});
const open = { result: null, version: null, failure: null };
const name = ({ metric, key, window_start_ms }: WindowTarget) => JSON.stringify([metric, key, window_start_ms]);
const byName = (a: WindowTarget, b: WindowTarget) => (name(a) < name(b) ? -1 : 1);

const done: fc.Arbitrary<WindowDone> = fc.oneof(
  fc.record({ result: fc.constant<WindowResult>('APPENDED'), version: fc.integer({ min: 1, max: 99 }) }),
  fc.record({
    result: fc.constantFrom<WindowResult>('UNCHANGED', 'SUPERSEDED'),
    version: fc.option(fc.integer({ min: 1, max: 99 })),
  }),
);

/** Tests of the touched windows of a replay. */
export function windowContract(world: () => World): void {
  const start = async () => (await world().backend.replays.create(makeReplayRow(world().newId()))).replay_id;
  const list = (replayId: string) => all((cursor) => world().backend.replays.listWindows(replayId, cursor));

  it('windows are noted once each, with their keys as they are, for their own replay, after a new start as well', async () => {
    const { replays } = world().backend;
    const [one, other] = [await start(), await start()];
    const windows = ODD_TEXTS.flatMap((key) =>
      [-86_400_000, -1, 0, 1].map((window_start_ms) => target({ key, window_start_ms })),
    );
    await replays.addWindows(one, windows);
    await Promise.all([replays.addWindows(one, windows.slice(3)), replays.addWindows(one, windows.toReversed())]);
    await replays.addWindows(other, [target({ metric: 'm' })]);
    await replays.addWindows(other, []);
    const { replays: reopened } = await world().reopen();
    expect((await list(one)).toSorted(byName)).toEqual(
      windows.map((window) => ({ ...window, ...open })).toSorted(byName),
    );
    for (const window of windows) expect(await reopened.getWindow(one, window)).toEqual({ ...window, ...open });
    expect(await reopened.getWindow(other, windows[0] as WindowTarget)).toBeNull();
    expect(await reopened.countWindows(one)).toEqual({ touched: windows.length, done: 0, changed: 0, failed: 0 });
    expect(await reopened.countWindows(other)).toEqual({ touched: 1, done: 0, changed: 0, failed: 0 });
    expect(await reopened.countWindows(world().newId())).toEqual({ touched: 0, done: 0, changed: 0, failed: 0 });
  });

  it('D21, Q1: the first result of a window stands, even if the window is noted again later', async () => {
    const { replays } = world().backend;
    const results = fc.array(done, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(results, fc.boolean(), async (told, noted) => {
        const replayId = await start();
        // A message may be older than the rows of its replay: then its windows are noted when they are done.
        if (noted) await replays.addWindows(replayId, [target()]);
        for (const result of told) {
          await replays.setWindowResult(replayId, target(), result);
          await replays.addWindows(replayId, [target()]);
        }
        const stands = { ...target(), ...told[0], failure: null };
        expect(await replays.getWindow(replayId, target())).toEqual(stands);
        expect(await list(replayId)).toEqual([stands]);
      }),
      runs(30),
    );
  });

  it('of concurrent results exactly one is stored, complete', async () => {
    const { replays } = world().backend;
    const replayId = await start();
    await replays.addWindows(replayId, [target()]);
    const told = Array.from({ length: 8 }, (_, i) => ({ result: 'APPENDED' as const, version: i + 1 }));
    await Promise.all(told.map((result) => replays.setWindowResult(replayId, target(), result)));
    const stands = await replays.getWindow(replayId, target());
    expect(told.map((result) => ({ ...target(), ...result, failure: null }))).toContainEqual(stands);
    expect(await replays.countWindows(replayId)).toEqual({ touched: 1, done: 1, changed: 1, failed: 0 });
  });

  it('windows are counted by result: only an appended version is a change', async () => {
    const { replays } = world().backend;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(done), { maxLength: 12 }), async (outcomes) => {
        const replayId = await start();
        const windows = outcomes.map((_, i) => target({ key: `${i}` }));
        await replays.addWindows(replayId, windows);
        for (const [i, outcome] of outcomes.entries())
          if (outcome !== null) await replays.setWindowResult(replayId, windows[i] as WindowTarget, outcome);
        expect(await replays.countWindows(replayId)).toEqual({
          touched: outcomes.length,
          done: outcomes.filter((outcome) => outcome !== null).length,
          changed: outcomes.filter((outcome) => outcome?.result === 'APPENDED').length,
          failed: 0,
        });
      }),
      runs(20),
    );
  });

  it('windows beyond one page are all listed and counted, those of another replay are not', async () => {
    const { replays } = world().backend;
    const [one, other] = [await start(), await start()];
    const windows = Array.from({ length: MANY }, (_, i) =>
      target({ metric: `m${i % 2}`, key: `key ${i % 3}`, window_start_ms: (i - MANY / 2) * 3_600_000 }),
    );
    await replays.addWindows(one, windows);
    await replays.addWindows(other, windows.slice(0, 3));
    await replays.setWindowResult(one, windows[1_234] as WindowTarget, { result: 'APPENDED', version: 2 });
    const found = await list(one);
    expect(found.map(name).toSorted()).toEqual(windows.map(name).toSorted());
    expect(found.filter(({ result }) => result !== null)).toEqual([
      { ...windows[1_234], result: 'APPENDED', version: 2, failure: null },
    ]);
    expect(await replays.countWindows(one)).toEqual({ touched: MANY, done: 1, changed: 1, failed: 0 });
  });

  it('G14: a window that a dead letter leaves open is counted and named, until a message for it is on its way or it is done', async () => {
    const { replays } = world().backend;
    const [one, other] = [await start(), await start()];
    const windows = ODD_TEXTS.map((key, i) => target({ key, window_start_ms: 0 - i }));
    const failed = (window: WindowTarget, rest: Partial<WindowFailure> = {}): FailedWindow => {
      const detail = `${window.key} threw`;
      return { ...window, failure: { code: 'CODE', detail, event_id: null, failed_ms: 7, ...rest } };
    };
    await replays.addWindows(one, windows);
    await replays.addWindows(other, windows);
    await replays.setWindowFailures(
      one,
      windows.map((window, i) => failed(window, { event_id: i % 2 === 0 ? null : `event ${i}` })),
    );
    await replays.setWindowFailures(one, []);
    const [first, second, third, ...rest] = windows as [WindowTarget, WindowTarget, WindowTarget, ...WindowTarget[]];
    // Again, by a later delivery, whose reason replaces the earlier one.
    await replays.setWindowFailures(one, [failed(third, { detail: 'the last reason' })]);
    await replays.setWindowResult(one, first, { result: 'APPENDED', version: 3 });
    await replays.setWindowFailures(one, [failed(first)]);
    await replays.addWindows(one, [first, second]);
    const { replays: reopened } = await world().reopen();
    const listed = await reopened.listFailedWindows(one, 1_000);
    expect(listed.toSorted(byName)).toEqual(
      [
        failed(third, { detail: 'the last reason' }),
        ...rest.map((window, i) => failed(window, { event_id: i % 2 === 0 ? `event ${i + 3}` : null })),
      ].toSorted(byName),
    );
    expect(await reopened.listFailedWindows(one, 2)).toHaveLength(2);
    expect(await reopened.getWindow(one, third)).toMatchObject({ failure: { detail: 'the last reason' } });
    expect(await reopened.getWindow(one, second)).toEqual({ ...second, ...open });
    expect(await reopened.getWindow(one, first)).toEqual({ ...first, result: 'APPENDED', version: 3, failure: null });
    const touched = windows.length;
    expect(await reopened.countWindows(one)).toEqual({ touched, done: 1, changed: 1, failed: touched - 2 });
    expect(await reopened.countWindows(other)).toEqual({ touched, done: 0, changed: 0, failed: 0 });
    // A message may be older than the table: then its windows are noted when they fail.
    const late = await start();
    await reopened.setWindowFailures(late, [failed(first)]);
    expect(await list(late)).toEqual([{ ...first, ...open, ...failed(first) }]);
  });

  it('A10: a cursor that no listing returned is refused', async () => {
    const replayId = await start();
    await world().backend.replays.addWindows(replayId, [target()]);
    for (const cursor of FOREIGN_CURSORS)
      await expect(world().backend.replays.listWindows(replayId, cursor)).rejects.toMatchObject({
        code: 'CURSOR_INVALID',
      });
  });
}
