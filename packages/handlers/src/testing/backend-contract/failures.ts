import { expect, it } from 'vitest';

import type { FailureRow } from '../../ports/rows.ts';
import { makeFailureRow, makePackRow } from '../factories.ts';
import { admit, all, FOREVER, ODD_TEXTS, type World } from './world.ts';

/** What is promised of failures that come after an event was admitted. */
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
      }),
    );
    await world().backend.index.addFailures(rows);
    await world().backend.index.addFailures([]);
    expect(await list()).toEqual(rows.toReversed());
    expect(await list({ source: ODD_TEXTS[1] })).toEqual([rows[1]]);
    await world().reopen();
    expect(await list()).toEqual(rows.toReversed());
  });

  it('a failure that is there already stays as it is, alone and among new ones', async () => {
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
}
