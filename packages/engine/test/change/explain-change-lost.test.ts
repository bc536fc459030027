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

// Why a value changed, if some of the evidence is gone: the answer has all that is still known, and guesses nothing.

describe('missing evidence', () => {
  it('a missing manifest is replaced by the list of the index with the same hash, with a note', async () => {
    const world = createWorld();
    await mixed(world);
    world.backend.stored.clear();
    const change = await explain(world, 'count');
    // The hash proves the second list; the first lacks the import, which claims an earlier receive time.
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

  it('without the bytes, the answer has classes and counts, but no parts', async () => {
    const world = createWorld();
    await mixed(world);
    world.backend.packs.clear();
    const change = await explain(world, 'sum');
    expect(change).toMatchObject({ exact: false, delta: 140, events_total: 3 });
    expect(change.why_not_exact).toContain('raw log has no pack');
    expect(change.classes.map(({ came }) => came)).toEqual([1, 1, 1]);
    expect(codes(change)).toContain('RAW_MISSING');
    // Answers that need no payload stay exact.
    expect(partsOf(await explain(world, 'count'))).toEqual({ LATE: 1, ON_TIME: 1, IMPORTED: 1 });
  });

  it('a missing version gives an error with its own code', async () => {
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
