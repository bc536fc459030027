import { dailyEventCount } from '@pik/aggregates';
import { formatEpochMs } from '@pik/schema';
import { expect, it } from 'vitest';

import type { Json } from './ask.ts';
import { CONTRACT_AGGREGATES } from './contract-aggregates.ts';
import { DAY, fresh, type ReplayAsks, readAll, send, series } from './replay-asks.ts';

const query = (fields: Record<string, string>) => new URLSearchParams(fields).toString();

/** Tests of the routes of metrics, values and versions. */
export function aggregates(asks: ReplayAsks): void {
  computed(asks);
  versions(asks);
}

function computed({ ask, get }: ReplayAsks): void {
  const compute = (fields: Record<string, string>) => get('compute', `/aggregates/compute?${query(fields)}`);

  it('lists the metrics that the kit was started with', async () => {
    const { metrics } = await get('metricList', '/aggregates');
    const declared = [dailyEventCount, ...CONTRACT_AGGREGATES].map(
      ({ metric, definition_version, definition_hash, group_by, unit, window, time_zone, reads_payload }) => {
        return { metric, definition_version, definition_hash, group_by, unit, window, time_zone, reads_payload };
      },
    );
    expect(metrics).toEqual(expect.arrayContaining(declared));
  });

  it('D19, D36: folds a value of all events of its half-open window, by the calendar of its metric', async () => {
    const of = fresh();
    const at = (event_time: string, value: number) => ({ ...of, event_time, payload: { value } });
    await send(ask, [
      at('2025-12-28T04:59:59.999999999Z', 1),
      at('2025-12-28T05:00:00Z', 2),
      at('2025-12-28T10:00:00Z', 4),
    ]);
    await send(ask, [
      at('2025-12-28T10:59:59.999999999Z', 8),
      at('2025-12-28T11:00:00Z', 16),
      at('2025-12-29T04:00:00Z', 32),
    ]);
    const { entity_id } = of;
    const counted = { metric: 'daily_event_count', key: entity_id };
    const day = await compute({ ...counted, window_start: '2025-12-28' });
    expect(day).toMatchObject({ ...counted, value: 5, input_count: 5, time_zone: 'UTC' });
    expect(day).toMatchObject({
      window_start: formatEpochMs(Date.UTC(2025, 11, 28)),
      window_end: formatEpochMs(Date.UTC(2025, 11, 29)),
    });
    const same = await compute({ ...counted, window_start: '2025-12-28T00:00:00Z' });
    expect(same).toEqual({ ...day, as_of: same.as_of, unsettled: same.unsettled });
    expect((await compute({ ...counted, window_start: '2025-12-28T01:00:00+01:00' })).value).toBe(5);
    // A day of New York starts at five in the morning of UTC.
    const local = { metric: 'contract_fragile', key: entity_id };
    expect(await compute({ ...local, window_start: '2025-12-28' })).toMatchObject({
      value: 5,
      window_start: '2025-12-28T05:00:00.000000000Z',
      window_end: '2025-12-29T05:00:00.000000000Z',
      time_zone: 'America/New_York',
    });
    expect((await compute({ ...local, window_start: '2025-12-28T00:00:00-05:00' })).value).toBe(5);
    const key = JSON.stringify([of.source, 'thing.happened']);
    const hour = { metric: 'contract_sum', key };
    expect((await compute({ ...hour, window_start: '2025-12-28T10:00:00Z' })).value).toBe(12);
    expect((await compute({ ...hour, window_start: '2025-12-28T11:00:00Z' })).value).toBe(16);
  });

  it('a window without events, or of an unknown entity, has the empty value', async () => {
    const { entity_id } = fresh();
    const none = await compute({ metric: 'daily_event_count', key: entity_id, window_start: '2025-12-28' });
    expect(none).toMatchObject({ value: 0, input_count: 0 });
  });

  it('A14: folds a value as of a receive time', async () => {
    const of = fresh();
    const asked = { metric: 'daily_event_count', key: of.entity_id, window_start: '2025-12-28' };
    await send(ask, series(of, 2));
    const { events } = await get('timeline', `/timeline?entity_id=${of.entity_id}`);
    const as_of: string = events[0].received_at;
    await send(ask, series(of, 3, '2025-12-28T11:00:00Z'));
    expect(await compute({ ...asked, as_of })).toMatchObject({ value: 2, as_of });
    expect((await compute(asked)).value).toBe(5);
    expect((await compute({ ...asked, as_of: formatEpochMs(Date.parse(as_of) - 1) })).value).toBe(0);
  });

  it('an exception in a metric is an answer, not a server failure', async () => {
    const of = fresh();
    await send(ask, [{ ...of, payload: { broken: true } }]);
    const { status, json } = await ask(
      `/aggregates/compute?${query({ metric: 'contract_fragile', key: of.entity_id, window_start: '2025-12-28' })}`,
    );
    expect([status, json.code, json.retryable]).toEqual([422, 'AGGREGATE_FAILED', false]);
    expect(json.detail).toContain('the payload is broken');
  });
}

function versions({ ask, get, replay, processed }: ReplayAsks): void {
  it('G15, A4: a late event leads to a new version; the previous one stays unchanged', async ({ skip }) => {
    const of = fresh();
    const { entity_id } = of;
    const asked = { metric: 'daily_event_count', key: entity_id, window_start: '2025-12-28' };
    const list = async (fields: object = {}) =>
      (await get('versions', `/aggregates/versions?${query({ ...asked, ...fields })}`)).versions;
    expect(await list()).toEqual([]);
    await send(ask, series(of, 2));
    const first = await replay({ ...DAY, entity_id });
    await processed(first.replay_id, skip);
    const [one] = await list();
    expect(one).toMatchObject({
      metric: 'daily_event_count',
      key: entity_id,
      version: 1,
      previous_version: null,
      value: 2,
      input_count: 2,
      definition_version: 1,
      definition_hash: dailyEventCount.definition_hash,
      as_of: first.as_of,
      trigger: { kind: 'replay', replay_id: first.replay_id },
    });
    await send(ask, series(of, 3, '2025-12-28T11:00:00Z'));
    const second = await replay({ ...DAY, source: of.source });
    await processed(second.replay_id, skip);
    expect(await list()).toMatchObject([one, { version: 2, previous_version: 1, value: 5, as_of: second.as_of }]);
    const now = await get('compute', `/aggregates/compute?${query(asked)}`);
    expect((await list())[1]).toMatchObject({ inputs_hash: now.inputs_hash, value: now.value });
    // Repeated, and as of an older time: neither changes anything.
    for (const body of [{}, { as_of: first.as_of }]) {
      const { replay_id } = await replay({ ...DAY, entity_id, ...body });
      expect((await processed(replay_id, skip)).windows).toMatchObject({ changed: 0 });
    }
    expect(await list()).toHaveLength(2);
  });

  it('versions are listed page by page, oldest first, of one window or of all windows of a key', async ({ skip }) => {
    const of = fresh();
    const { entity_id } = of;
    const day = { start_time: '2025-12-27T00:00:00Z', end_time: '2025-12-31T00:00:00Z' };
    for (let i = 0; i < 3; i++) {
      await send(
        ask,
        ['29', '27', '28'].map((date) => ({ ...of, event_time: `2025-12-${date}T0${i}:00:00Z` })),
      );
      await processed((await replay({ ...day, entity_id })).replay_id, skip);
    }
    const asked = { metric: 'daily_event_count', key: entity_id };
    const read = (fields: object) =>
      readAll(get, 'versions', { path: `/aggregates/versions?${query({ ...asked, ...fields })}`, items: 'versions' });
    const places = (found: Json[]) =>
      found.map(({ window_start, version, value }) => [window_start.slice(8, 10), version, value]);
    const all = ['27', '28', '29'].flatMap((date) => [1, 2, 3].map((version) => [date, version, version]));
    for (const limit of ['1', '4', '9', '1000']) {
      expect(places(await read({ limit }))).toEqual(all);
      expect(places(await read({ limit, window_start: '2025-12-28' }))).toEqual(all.slice(3, 6));
    }
  });

  it('D46: an event lists the versions that include it, and the replays that sent it', async ({ skip }) => {
    const of = fresh();
    const [id, other] = await send(ask, [...series(of, 1), ...series(of, 1, '2025-12-28T11:00:00Z')]);
    const range = { ...DAY, end_time: '2025-12-28T10:30:00Z' };
    const { replay_id } = await replay({ ...range, entity_id: of.entity_id, reason: 'asked for by a test' });
    await processed(replay_id, skip);
    const story = await get('event', `/events/${id}`);
    expect(story.replays).toMatchObject([
      { replay_id, reason: 'asked for by a test', status: 'COMPLETE', sent: 'YES' },
    ]);
    expect(story.versions.map(({ metric, version }: Json) => `${metric} ${version}`).sort()).toEqual([
      'contract_fragile 1',
      'contract_sum 1',
      'daily_event_count 1',
    ]);
    const beside = await get('event', `/events/${other}`);
    expect(beside.replays).toEqual([]);
    // An input of another hour in the same, already computed days.
    expect(beside.versions.map(({ metric }: Json) => metric).sort()).toEqual(['contract_fragile', 'daily_event_count']);
  });
}
