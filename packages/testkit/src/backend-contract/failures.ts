import type { FailureRow } from '@pik/engine';
import { entityHash } from '@pik/schema';
import { expect, it } from 'vitest';
import { makeFailureRow, makePackRow } from '../factories.ts';
import { admit, all, FOREVER, ODD_TEXTS, type World } from './world.ts';

/** Tests of failures that follow the admission of an event. */
export function failureContract(world: () => World): void {
  const processing = (rest: Partial<FailureRow> = {}) =>
    makeFailureRow(world().newId(), { kind: 'PROCESSING', stage: 'process', code: 'AGGREGATE_FAILED', ...rest });
  const list = (query: object = {}) =>
    all((cursor) => world().backend.index.listFailures({ ...FOREVER, limit: 2, ...query, cursor }));

  it('G14: a failed processing is listed with every field, after a new start as well', async () => {
    const rows = ODD_TEXTS.map((detail, i) =>
      processing({
        received_ms: i,
        line: i,
        detail,
        path: '/x',
        source: detail,
        event_type: 't',
        event_id: `event ${i}`,
        window: i % 2 === 0 ? null : { metric: 'm', key: detail, window_start_ms: -i },
      }),
    );
    await world().backend.index.addFailures(rows);
    await world().backend.index.addFailures([]);
    expect(await list()).toEqual(rows.toReversed());
    expect(await list({ source: ODD_TEXTS[1] })).toEqual([rows[1]]);
    await world().reopen();
    expect(await list()).toEqual(rows.toReversed());
  });

  it('an existing failure stays unchanged, alone and among new ones', async () => {
    const { index } = world().backend;
    const first = processing({ received_ms: 5, detail: 'first' });
    const second = processing({ received_ms: 6, detail: 'second' });
    await index.addFailures([first]);
    const changed = { ...first, detail: 'changed' };
    await Promise.all([index.addFailures([changed]), index.addFailures([changed, second])]);
    expect(await list()).toEqual([second, first]);
  });

  it('one receipt may fail in several ways and times; no page leaves one out', async () => {
    const { backend, newId } = world();
    const pack_id = newId();
    const reject = makeFailureRow(pack_id, { received_ms: 5, code: 'TIME_INVALID' });
    await admit(backend, [], { failures: [reject], pack: makePackRow(pack_id) });
    const at = { pack_id, received_ms: 5 };
    await backend.index.addFailures([
      processing(at),
      processing({ ...at, received_ms: 6 }),
      processing({ ...at, line: 1 }),
    ]);
    for (const limit of [1, 2, 3, 100]) {
      const found = await list({ limit });
      expect(found).toHaveLength(4);
      expect(found).toEqual(expect.arrayContaining([reject, processing(at)]));
      expect(found[0]).toMatchObject({ received_ms: 6 });
    }
  });

  it('G14: windows that fail at one event at one time are a failure each; noted again they stay as they are', async () => {
    const { backend, newId } = world();
    const at = { pack_id: newId(), line: 3, received_ms: 5 };
    const windows = ['a', 'b', 'c'].flatMap((metric) =>
      ODD_TEXTS.slice(0, 3).map((key) => ({ metric, key, window_start_ms: 0 })),
    );
    const rows = windows.map((window) => processing({ ...at, window }));
    await backend.index.addFailures(rows);
    await backend.index.addFailures(rows.map((row) => ({ ...row, detail: 'changed' })));
    for (const limit of [1, 2, 9, 100]) {
      const found = await list({ limit });
      expect(found).toHaveLength(rows.length);
      expect(found).toEqual(expect.arrayContaining(rows));
    }
  });

  it('rejected receipts are found by the entity that they name, in any range, page by page, those of others not', async () => {
    const { backend, newId } = world();
    const [me, other] = [entityHash('me'), entityHash('other')];
    const pack_id = newId();
    const rows = Array.from({ length: 24 }, (_, line) =>
      makeFailureRow(pack_id, {
        line,
        received_ms: 86_400_000 * (line % 5),
        entity_hash: line % 3 === 0 ? me : line % 3 === 1 ? other : null,
        source: line % 2 === 0 ? 's' : null,
      }),
    );
    await admit(backend, [], { failures: rows, pack: makePackRow(pack_id) });
    const mine = rows.filter(({ entity_hash }) => entity_hash === me);
    const expected = mine.toSorted((a, b) => b.received_ms - a.received_ms || b.line - a.line);
    for (const limit of [1, 3, 100]) expect(await list({ limit, entity_hash: me })).toEqual(expected);
    const range = { fromMs: 86_400_000, toMs: 3 * 86_400_000 };
    const within = expected.filter(({ received_ms }) => received_ms >= range.fromMs && received_ms < range.toMs);
    expect(await list({ entity_hash: me, ...range })).toEqual(within);
    expect(await list({ entity_hash: me, source: 's' })).toEqual(expected.filter(({ source }) => source === 's'));
    expect(await list({ entity_hash: entityHash('nobody') })).toEqual([]);
    await world().reopen();
    expect(await list({ entity_hash: me })).toEqual(expected);
  });
}
