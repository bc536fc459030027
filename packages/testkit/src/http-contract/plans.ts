import type { PlannedWindow, ReplayPlanPage } from '@pik/schema';
import { expect, it } from 'vitest';

import { DAY, fresh, type ReplayAsks, send, series, walk } from './replay-asks.ts';

/** Ids of replays that are never recorded. */
const OWN = ['01890a5d-ac96-774b-bcce-000000000001', '01890a5d-ac96-774b-bcce-000000000002'] as const;
const METRICS = ['contract_fragile', 'contract_sum', 'daily_event_count'];
const byMetric = (windows: readonly PlannedWindow[]) =>
  windows.toSorted((a, b) =>
    a.metric < b.metric ? -1 : a.metric > b.metric ? 1 : a.window_start < b.window_start ? -1 : 1,
  );

/** Tests of the predictions of a dry run, and of the replay that follows it. */
export function plans(asks: ReplayAsks): void {
  predictions(asks);
  agreements(asks);
}

function predictions({ ask, get, plan, replay, processed }: ReplayAsks): void {
  it('D39: a dry run reads everything, predicts every value, and sends and records nothing', async () => {
    const of = fresh();
    await send(ask, series(of, 3));
    await send(ask, series(of, 2, '2025-12-28T11:00:00Z'));
    const latest = async () => (await get('replays', '/replays?limit=1')).replays;
    const before = await latest();
    const planned = await plan({ ...DAY, entity_id: of.entity_id });
    expect(planned).toMatchObject({
      dry_run: true,
      scanned: 5,
      sent: 0,
      would_send: 5,
      messages: 1,
      days: [{ day: '2025-12-28', events: 5 }],
      already_processed: 0,
      raw_missing: [],
      complete: true,
      next_cursor: null,
      plan_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      notes: [],
    });
    expect(planned.raw_bytes).toBeGreaterThan(0);
    const key = JSON.stringify([of.source, 'thing.happened']);
    const told = ({ metric, key: whose, current, changes, problem, predicted }: PlannedWindow) => {
      return { metric, key: whose, current, changes, problem, value: predicted?.value, inputs: predicted?.input_count };
    };
    const changed = { current: null, changes: true, problem: null };
    expect(byMetric(planned.windows).map(told)).toEqual([
      { metric: 'contract_fragile', key: of.entity_id, ...changed, value: 5, inputs: 5 },
      { metric: 'contract_sum', key, ...changed, value: 3, inputs: 3 },
      { metric: 'contract_sum', key, ...changed, value: 1, inputs: 2 },
      { metric: 'daily_event_count', key: of.entity_id, ...changed, value: 5, inputs: 5 },
    ]);
    expect(await plan({ ...DAY, entity_id: of.entity_id, as_of: planned.as_of })).toEqual({
      ...planned,
      unsettled: expect.any(Boolean),
    });
    expect(await latest()).toEqual(before);
    const versions = `/aggregates/versions?metric=daily_event_count&key=${of.entity_id}`;
    expect((await get('versions', versions)).versions).toEqual([]);
  });

  it('predicts only the changes of the named metrics, and the windows that cannot be computed', async () => {
    const of = fresh();
    await send(ask, [...series(of, 2), { ...of, payload: { broken: true } }]);
    const planned = await plan({ ...DAY, entity_id: of.entity_id, metrics: ['contract_fragile'] });
    expect(planned.windows).toMatchObject([
      {
        metric: 'contract_fragile',
        key: of.entity_id,
        predicted: null,
        changes: false,
        problem: { code: 'AGGREGATE_FAILED', detail: expect.stringContaining('the payload is broken') },
      },
    ]);
  });

  it('a replay makes the predicted changes; after that nothing is left to change until an event arrives late', async ({
    skip,
  }) => {
    const of = fresh();
    await send(ask, series(of, 4));
    const selection = { ...DAY, entity_id: of.entity_id };
    const planned = await plan(selection);
    const { replay_id } = await replay({ ...selection, as_of: planned.as_of, plan_hash: planned.plan_hash });
    const { windows } = await processed(replay_id, skip);
    expect(windows).toEqual({ touched: 3, done: 3, changed: 3, failed: 0 });
    for (const { metric, key, window_start, predicted } of planned.windows) {
      const query = new URLSearchParams({ metric, key, window_start });
      const { versions } = await get('versions', `/aggregates/versions?${query}`);
      expect(versions).toMatchObject([{ ...predicted, version: 1, trigger: { replay_id } }]);
    }
    const settled = await plan(selection);
    expect(settled).toMatchObject({ would_send: 4, already_processed: 4 });
    for (const { changes, current, predicted } of settled.windows) {
      expect([changes, current?.version, predicted?.value]).toEqual([false, 1, current?.value]);
    }
    const again = await replay(selection);
    expect((await processed(again.replay_id, skip)).windows).toEqual({ touched: 3, done: 3, changed: 0, failed: 0 });
    await send(ask, series(of, 1, '2025-12-28T10:30:00Z'));
    const late = await plan(selection);
    expect(late).toMatchObject({ would_send: 5, already_processed: 4 });
    expect(late.windows.map(({ changes }) => changes)).toEqual([true, true, true]);
  });
}

function agreements({ ask, plan, replay, refusal, processed }: ReplayAsks): void {
  /** Runs every part of a dry run; the last one has the plan. */
  const planAll = async (body: object): Promise<{ pages: ReplayPlanPage[]; last: ReplayPlanPage }> => {
    const pages: ReplayPlanPage[] = [];
    await walk(async (cursor) => {
      const page = await plan(cursor === null ? body : { ...body, cursor });
      pages.push(page);
      return page.next_cursor;
    });
    return { pages, last: pages.at(-1) as ReplayPlanPage };
  };

  it('a dry run has parts too, all as of one time, and its last hash is that of the whole plan', async () => {
    for (const by of ['entity_id', 'source'] as const) {
      const of = fresh();
      const selection = { [by]: of[by] };
      for (let i = 0; i < 3; i++) await send(ask, series(of, 3, `2025-12-28T1${i}:00:00Z`));
      const body = { ...DAY, ...selection, limit: 4 };
      const { pages, last } = await planAll(body);
      expect(pages.map(({ would_send, complete }) => [would_send, complete])).toEqual([
        [4, false],
        [4, false],
        [1, true],
      ]);
      expect(new Set(pages.map(({ as_of }) => as_of)).size).toBe(1);
      expect(new Set(pages.map(({ plan_hash }) => plan_hash)).size).toBe(3);
      expect((await planAll(body)).last.plan_hash).toBe(last.plan_hash);
      // The windows of a part are those of its events; a window of several parts is in each of them.
      const metrics = new Set(pages.flatMap(({ windows }) => windows.map(({ metric }) => metric)));
      expect([...metrics].sort()).toEqual(METRICS);
      const agreed = { ...body, as_of: last.as_of, plan_hash: last.plan_hash };
      expect(await refusal({ ...agreed, plan_hash: pages[0]?.plan_hash })).toBe('PLAN_STALE');
      expect(await refusal({ ...agreed, limit: 5 })).toBe('PLAN_STALE');
      expect(await replay(agreed)).toMatchObject({ sent: 4, complete: false });
    }
  });

  it('PLAN_STALE: nothing is sent or recorded once the selection has moved', async () => {
    for (const [by, limit] of [
      ['entity_id', 10],
      ['entity_id', 1],
      ['source', 10],
      ['source', 1],
    ] as const) {
      const of = fresh();
      const selection = { [by]: of[by], limit };
      await send(ask, series(of, 2));
      const { last } = await planAll({ ...DAY, ...selection });
      const agreed = { ...DAY, ...selection, plan_hash: last.plan_hash, replay_id: OWN[0] };
      // Before the others, in windows that are touched anyway: the last part and all windows stay the same.
      await send(ask, [{ ...of, event_time: '2025-12-28T10:00:00.000000001Z' }]);
      expect(await refusal(agreed)).toBe('PLAN_STALE');
      expect((await ask(`/replays/${OWN[0]}`)).json.code).toBe('REPLAY_UNKNOWN');
      // As of the time of the plan nothing has moved.
      expect(await refusal({ ...agreed, as_of: last.as_of, metrics: ['contract_sum'] })).toBe('PLAN_STALE');
      expect(await replay({ ...agreed, replay_id: undefined, as_of: last.as_of })).toMatchObject({ notes: [] });
    }
  });

  it('PLAN_STALE: nothing is sent or recorded once a version has moved', async ({ skip }) => {
    const of = fresh();
    await send(ask, series(of, 2));
    const selection = { ...DAY, entity_id: of.entity_id };
    const { last } = await planAll(selection);
    const agreed = { ...selection, as_of: last.as_of, plan_hash: last.plan_hash };
    const { replay_id } = await replay(agreed);
    await processed(replay_id, skip);
    expect(await refusal({ ...agreed, replay_id: OWN[1] })).toBe('PLAN_STALE');
    expect((await ask(`/replays/${OWN[1]}`)).json.code).toBe('REPLAY_UNKNOWN');
    const { last: renewed } = await planAll(selection);
    const accepted = await replay({ ...selection, as_of: renewed.as_of, plan_hash: renewed.plan_hash });
    expect(accepted).toMatchObject({ sent: 2, complete: true });
  });
}
