import { describe, expect, it } from 'vitest';

import {
  codes,
  createWorld,
  DAY,
  explain,
  HOUR_MS,
  mixed,
  NOW,
  partsOf,
  send,
  version,
  versionSide,
} from '../support/change-world.ts';

// Why a value changed, where something that would tell it is gone: what is still known is told, nothing is guessed.

describe('what is gone', () => {
  it('a manifest whose list the index still has, by its hash, is replaced by that and noted', async () => {
    const world = createWorld();
    await mixed(world);
    world.backend.stored.clear();
    const change = await explain(world, 'count');
    // The second list is proved by its hash; the first lacks the import, which claims an earlier receive time.
    expect(change).toMatchObject({ exact: false, delta: 3, classes: [], events_total: 0 });
    expect(change.why_not_exact).toContain('no longer known');
    expect(codes(change)).toEqual(['MANIFEST_MISSING', 'MANIFEST_MISSING']);
    const other = createWorld();
    await send(other, [{}]);
    await version(other);
    other.clock.ms = DAY + 30 * HOUR_MS;
    await send(other, [{ hour: 2 }]);
    await version(other);
    other.backend.stored.clear();
    const mended = await explain(other, 'count');
    expect([mended.exact, partsOf(mended)]).toEqual([true, { LATE: 1 }]);
    expect(mended.notes.map(({ text }) => text).join()).toContain('same hash');
  });

  it('bytes: classes and counts are told, parts are not', async () => {
    const world = createWorld();
    await mixed(world);
    world.backend.packs.clear();
    const change = await explain(world, 'sum');
    expect(change).toMatchObject({ exact: false, delta: 140, events_total: 3 });
    expect(change.why_not_exact).toContain('raw log has no pack');
    expect(change.classes.map(({ came }) => came)).toEqual([1, 1, 1]);
    expect(codes(change)).toContain('RAW_MISSING');
    // What needs no payload is as exact as before.
    expect(partsOf(await explain(world, 'count'))).toEqual({ LATE: 1, ON_TIME: 1, IMPORTED: 1 });
  });

  it('a version that is not there is an error with its own code', async () => {
    const world = createWorld();
    await send(world, [{}]);
    await expect(explain(world, 'sum')).rejects.toMatchObject({ code: 'VERSION_UNKNOWN' });
    await version(world);
    await expect(explain(world, 'sum')).rejects.toMatchObject({ code: 'VERSION_UNKNOWN' });
    await expect(explain(world, 'sum', { from: versionSide(2), to: NOW })).rejects.toMatchObject({
      code: 'VERSION_UNKNOWN',
    });
    await expect(explain(world, 'sum', { from: NOW, to: versionSide(1) })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      path: '/from',
    });
  });
});
