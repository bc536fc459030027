import { formatEpochMs, LIMITS, type ReplayAnswer } from '@pik/schema';
import { expect, it } from 'vitest';

import { event, type Json, receiptPath, text } from './ask.ts';
import { DAY, fresh, type ReplayAsks, readAll, replayAll, send, series } from './replay-asks.ts';

/** A UUIDv7 that the caller generates. */
let made = 0;
function ownId(): string {
  made += 1;
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${made.toString(16).padStart(12, '0')}`;
}

const UNKNOWN = '01890a5d-ac96-774b-bcce-b302099a8057';
const sums = (answers: readonly ReplayAnswer[]) => ({
  scanned: answers.reduce((sum, { scanned }) => sum + scanned, 0),
  sent: answers.reduce((sum, { sent }) => sum + sent, 0),
  messages: answers.reduce((sum, { messages }) => sum + messages, 0),
});

/** Tests of the events that a replay sends, and of its record. */
export function replays(asks: ReplayAsks): void {
  selections(asks);
  parts(asks);
  records(asks);
}

function selections({ ask, get, replay, processed }: ReplayAsks): void {
  it('D11, D19, D20: accepts the call of the earlier kit unchanged, sends all events, and computes one value of the whole day', async ({
    skip,
  }) => {
    // More than one page of the index, and more than the 500 after which the earlier kit stopped silently.
    const count = LIMITS.page_items_max + 500;
    const body = '{"entity_id":"user_123","start_time":"2025-12-28T00:00:00Z","end_time":"2025-12-29T00:00:00Z"}';
    const at = (event_time: string) => ({ entity_id: 'user_123', source: 'contract_user', event_time });
    const inside = [
      ...series(at(''), count - 2, '2025-12-28T06:00:00Z'),
      at('2025-12-28T00:00:00Z'),
      at('2025-12-28T23:59:59.999999999Z'),
    ];
    await send(ask, [...inside, at('2025-12-27T23:59:59.999999999Z'), at('2025-12-29T00:00:00Z')]);
    await send(ask, [{ ...at('2025-12-28T06:00:00Z'), entity_id: 'user_1234' }]);
    const answer = await get('replay', '/replay', { body });
    expect(answer).toMatchObject({ scanned: count, sent: count, complete: true, next_cursor: null, notes: [] });
    expect(answer.messages).toBeGreaterThanOrEqual(count / LIMITS.message_events_max);
    const value = 'metric=daily_event_count&key=user_123&window_start=2025-12-28';
    expect(await get('compute', `/aggregates/compute?${value}`)).toMatchObject({ value: count, input_count: count });
    await processed(answer.replay_id, skip);
    const { versions } = await get('versions', `/aggregates/versions?${value}`);
    expect(versions.map(({ version, value: counted }: Json) => [version, counted])).toEqual([[1, count]]);
  });

  it('D72: selects by entity, source, type, receive time and ids, each half-open and together', async () => {
    const of = fresh();
    const other = { ...of, entity_id: `${of.entity_id}_other`, event_type: 'thing.else' };
    const ids = await send(ask, [...series(of, 3), ...series(other, 2)]);
    const { source, entity_id } = of;
    const sent = async (body: object) => (await replay({ ...DAY, ...body })).sent;
    expect(await sent({ source })).toBe(5);
    expect(await sent({ source, event_type: 'thing.else' })).toBe(2);
    expect(await sent({ source, entity_id })).toBe(3);
    expect(await sent({ entity_id, event_type: 'thing.else' })).toBe(0);
    expect(await sent({ source, end_time: '2025-12-28T10:00:01Z' })).toBe(2);
    expect(await sent({ source, start_time: '2025-12-28T10:00:01Z' })).toBe(3);
    const { received_at } = (await ask(`/events/${ids[0]}`)).json.event;
    const after = formatEpochMs(Date.parse(received_at) + 1);
    expect(await sent({ source, received_from: received_at, received_to: after })).toBe(5);
    expect(await sent({ source, received_from: after })).toBe(0);
    expect(await sent({ source, received_to: received_at })).toBe(0);
    expect(await sent({ source, as_of: formatEpochMs(Date.parse(received_at) - 1) })).toBe(0);
    const byIds = await replay({ event_ids: [ids[4], ids[0]] });
    expect(byIds).toMatchObject({ scanned: 2, sent: 2, complete: true, notes: [] });
  });

  it('D13, D25: bounds are exact to the nanosecond, for an entity and for a source', async () => {
    const of = fresh();
    await send(ask, [{ ...of, event_time: '2025-12-28T10:00:00.0000005Z' }]);
    for (const by of [{ entity_id: of.entity_id }, { source: of.source }]) {
      for (const [start, end, sent] of [
        ['400', '500', 0],
        ['500', '501', 1],
        ['501', '600', 0],
      ] as const) {
        const range = {
          start_time: `2025-12-28T10:00:00.000000${start}Z`,
          end_time: `2025-12-28T10:00:00.000000${end}Z`,
        };
        expect([start, (await replay({ ...range, ...by })).sent]).toEqual([start, sent]);
      }
    }
  });

  it('a time range alone is a selection too, across sources and requests', async () => {
    const range = { start_time: '1999-01-01T00:00:00Z', end_time: '1999-01-02T00:00:00Z' };
    for (let i = 0; i < 3; i++) await send(ask, series(fresh(), 4, '1999-01-01T10:00:00Z'));
    await send(ask, series(fresh(), 1, '1999-01-02T00:00:00Z'));
    expect(await replay(range)).toMatchObject({ scanned: 12, sent: 12, complete: true });
  });

  it('further receipts are sent on request, and do not count as events', async () => {
    const of = fresh();
    const one = text(event(of));
    for (let i = 0; i < 4; i++) await ask('/ingest', { body: one });
    for (const include_duplicates of [true, false])
      expect(await replay({ ...DAY, ...of, include_duplicates })).toMatchObject({ scanned: 1, sent: 1, messages: 1 });
  });

  it('D38: distinguishes an unknown entity from one without events in the range, and names unknown ids', async () => {
    const of = fresh();
    await send(ask, series(of, 1));
    const { entity_id } = of;
    const unknown = await replay({ ...DAY, entity_id: `${entity_id}_never` });
    expect(unknown).toMatchObject({ scanned: 0, sent: 0, messages: 0, complete: true });
    expect(unknown.notes).toEqual([expect.stringContaining('no event of this entity')]);
    const range = { start_time: '2025-12-27T00:00:00Z', end_time: '2025-12-28T00:00:00Z' };
    const empty = await replay({ ...range, entity_id });
    expect(empty).toMatchObject({ scanned: 0, sent: 0, messages: 0, complete: true });
    expect(empty.notes).toEqual([expect.stringContaining('none of them in this selection')]);
    expect(unknown.notes).not.toEqual(empty.notes);
    const none = '0'.repeat(47);
    expect(await replay({ event_ids: [none] })).toMatchObject({ sent: 0, notes: [expect.stringContaining(none)] });
  });
}

function parts(asks: ReplayAsks): void {
  const { ask, get, replay, view, refusal } = asks;

  it('D11, G13: has parts of any size that together are the whole, by entity and by source', async () => {
    const of = fresh();
    for (let i = 0; i < 4; i++) await send(ask, series(of, 6, `2025-12-28T1${i}:00:00Z`));
    for (const selection of [{ entity_id: of.entity_id }, { source: of.source }]) {
      for (const limit of [1, 5, 24, 25]) {
        const answers = await replayAll(asks, { ...DAY, ...selection, limit });
        expect(answers.map(({ complete }) => complete)).toEqual(answers.map((_, i) => i === answers.length - 1));
        for (const { sent, next_cursor, complete } of answers) {
          expect(sent).toBeLessThanOrEqual(limit);
          expect(next_cursor === null).toBe(complete);
        }
        expect(sums(answers)).toMatchObject({ scanned: 24, sent: 24 });
        const [{ replay_id, as_of }] = answers;
        expect(new Set(answers.map((answer) => `${answer.replay_id} ${answer.as_of}`))).toEqual(
          new Set([`${replay_id} ${as_of}`]),
        );
        expect(await view(replay_id)).toMatchObject({ status: 'COMPLETE', limit, ...sums(answers), next_cursor: null });
      }
    }
  });

  it('G13: events that arrive between two parts do not belong to the replay', async () => {
    const of = fresh();
    await send(ask, series(of, 4));
    const first = await replay({ ...DAY, ...of, limit: 3, as_of: await now(of) });
    await send(ask, series(of, 3, '2025-12-28T11:00:00Z'));
    const last = await replay({ replay_id: first.replay_id, cursor: first.next_cursor });
    expect([first.sent, last.sent, last.complete]).toEqual([3, 1, true]);

    /** The receive time of the newest event, by the clock of the kit, whatever machine runs the tests. */
    async function now(query: { entity_id: string }): Promise<string> {
      const { events } = await get('timeline', `/timeline?entity_id=${query.entity_id}`);
      return events
        .map(({ received_at }: Json) => received_at)
        .sort()
        .at(-1);
    }
  });

  it('D12, G13: a repeated request for a part is answered, and the part is not sent again', async () => {
    const of = fresh();
    await send(ask, series(of, 5));
    const selection = { ...DAY, entity_id: of.entity_id, limit: 2, replay_id: ownId() };
    const first = await replay(selection);
    const next = { replay_id: first.replay_id, cursor: first.next_cursor };
    const second = await replay(next);
    const before = await view(first.replay_id);
    expect(before).toMatchObject({ status: 'RUNNING', sent: 4, next_cursor: second.next_cursor, ended_at: null });
    expect(await replay(selection)).toEqual(first);
    expect(await replay({ replay_id: first.replay_id })).toEqual(first);
    expect(await replay(next)).toEqual(second);
    expect(await replay({ ...selection, ...next })).toEqual(second);
    expect(await replay({ ...selection, start_time: '2025-12-28T01:00:00+01:00' })).toEqual(first);
    expect({ ...(await view(first.replay_id)), windows: null }).toEqual({ ...before, windows: null });
  });

  it('D12, Q14: concurrent requests with the same replay_id are one replay', async () => {
    const of = fresh();
    await send(ask, series(of, 5));
    const selection = { ...DAY, source: of.source, replay_id: ownId() };
    const answers = await Promise.all(Array.from({ length: 6 }, () => replay(selection)));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await view(selection.replay_id)).toMatchObject({ status: 'COMPLETE', scanned: 5, sent: 5, messages: 1 });
  });

  it('refuses another selection under the same id, and leaves the first unchanged', async () => {
    const of = fresh();
    await send(ask, series(of, 3));
    const selection = { ...DAY, entity_id: of.entity_id, limit: 2, replay_id: ownId() };
    const { replay_id, as_of } = await replay(selection);
    const recorded = await view(replay_id);
    for (const other of [
      { entity_id: `${of.entity_id}_other` },
      { source: of.source },
      { event_type: 'thing.happened' },
      { start_time: '2025-12-28T00:00:00.000000001Z' },
      { end_time: '2025-12-28T23:00:00Z' },
      { received_from: '2025-12-28T00:00:00Z' },
      { received_to: '2099-12-28T00:00:00Z' },
      { metrics: ['daily_event_count'] },
      { include_duplicates: true },
      { limit: 3 },
      { limit: undefined },
      { as_of: '2025-12-28T00:00:00Z' },
    ]) {
      expect([other, await refusal({ ...selection, ...other })]).toEqual([other, 'REPLAY_EXISTS']);
    }
    expect((await ask('/replay', { body: text({ ...selection, limit: 3 }) })).status).toBe(409);
    expect(await refusal({ event_ids: ['0'.repeat(47)], replay_id })).toBe('REPLAY_EXISTS');
    expect((await replay({ ...selection, as_of })).replay_id).toBe(replay_id);
    expect({ ...(await view(replay_id)), windows: null }).toEqual({ ...recorded, windows: null });
  });

  it('Q13: continues from another process with the id and the cursor alone, and refuses other cursors', async () => {
    const of = fresh();
    await send(ask, series(of, 3));
    const { replay_id, next_cursor } = await replay({ ...DAY, entity_id: of.entity_id, limit: 1 });
    expect(await refusal({ replay_id, cursor: 'x' })).toBe('CURSOR_INVALID');
    expect(await refusal({ replay_id, cursor: `${next_cursor}x` })).toBe('CURSOR_INVALID');
    expect(await refusal({ replay_id: UNKNOWN, cursor: next_cursor })).toBe('REPLAY_UNKNOWN');
    expect(await refusal({ ...DAY, entity_id: of.entity_id, replay_id: ownId(), cursor: next_cursor })).toBe(
      'REPLAY_UNKNOWN',
    );
    expect(await refusal({ replay_id: ownId() })).toBe('REQUEST_INVALID');
    expect((await view(replay_id)).next_cursor).toBe(next_cursor);
    expect(await replay({ replay_id, cursor: (await view(replay_id)).next_cursor })).toMatchObject({ sent: 1 });
  });
}

function records({ ask, get, replay, view, refusal, processed }: ReplayAsks): void {
  it('Q19: a cancelled replay sends nothing more, and its touched windows are still recomputed', async ({ skip }) => {
    const of = fresh();
    await send(ask, series(of, 5));
    const first = await replay({ ...DAY, entity_id: of.entity_id, limit: 2 });
    const { replay_id } = first;
    const cancel = () => get('replayCancel', `/replays/${replay_id}/cancel`, { method: 'POST' });
    const cancelled = await cancel();
    expect(cancelled).toMatchObject({ replay_id, status: 'CANCELLED', sent: 2, ended_at: expect.any(String) });
    const { status, json } = await ask('/replay', { body: text({ replay_id, cursor: first.next_cursor }) });
    expect([status, json.code, json.retryable]).toEqual([409, 'REPLAY_CANCELLED', false]);
    expect({ ...(await cancel()), windows: null }).toEqual({ ...cancelled, windows: null });
    expect(await replay({ replay_id })).toEqual(first);
    expect(await view(replay_id)).toMatchObject({ status: 'CANCELLED', sent: 2, ended_at: cancelled.ended_at });
    const { windows } = await processed(replay_id, skip);
    expect(windows.touched).toBeGreaterThan(0);
    expect(windows.done).toBe(windows.touched);
  });

  it('cancelling a complete replay changes nothing; an unknown one is not found', async () => {
    const of = fresh();
    await send(ask, series(of, 1));
    const { replay_id } = await replay({ ...DAY, entity_id: of.entity_id });
    const complete = await view(replay_id);
    const cancelled = await get('replayCancel', `/replays/${replay_id}/cancel`, { method: 'POST' });
    expect({ ...cancelled, windows: null }).toEqual({ ...complete, windows: null });
    for (const path of [`/replays/${UNKNOWN}`, `/replays/${UNKNOWN}/cancel`]) {
      const { status, json } = await ask(path, path.endsWith('cancel') ? { method: 'POST' } : {});
      expect([status, json.code]).toEqual([404, 'REPLAY_UNKNOWN']);
    }
    expect(await refusal({ replay_id: UNKNOWN, cursor: 'x' })).toBe('REPLAY_UNKNOWN');
  });

  it('D70: records who asked for what, when and why, and lists it the latest first', async () => {
    const of = fresh();
    await send(ask, series(of, 3));
    const sent = (await ask('/ingest', { body: text(event(of)) })).json;
    const { principal } = (await ask(receiptPath(sent), { accept: 'application/json' })).json;
    const asked: Json[] = [];
    for (const reason of ['the first \u{1f600}', 'the second', undefined, 'the fourth']) {
      const body = { ...DAY, entity_id: of.entity_id, metrics: ['daily_event_count'], limit: 7, reason };
      const { json, headers } = await ask('/replay', { body: text(body) });
      asked.unshift({ ...json, reason: reason ?? null, request_id: headers.get('x-request-id') });
    }
    for (const { replay_id, reason, request_id, as_of } of asked) {
      expect(await view(replay_id)).toMatchObject({
        replay_id,
        status: 'COMPLETE',
        requested_at: as_of,
        requested_by: principal,
        request_id,
        reason,
        as_of,
        limit: 7,
        selection: {
          entity_id: of.entity_id,
          source: null,
          event_ids: null,
          start_time: '2025-12-28T00:00:00.000000000Z',
          end_time: '2025-12-29T00:00:00.000000000Z',
          metrics: ['daily_event_count'],
          include_duplicates: false,
        },
        windows: { touched: 1 },
      });
    }
    const listed = await readAll(get, 'replays', { path: '/replays?limit=3', items: 'replays' });
    expect(listed.slice(0, 4).map(({ replay_id }) => replay_id)).toEqual(asked.map(({ replay_id }) => replay_id));
    const { windows, failures, ...latest } = await view(asked[0].replay_id);
    expect([windows.touched, failures]).toEqual([1, []]);
    expect(listed[0]).toEqual(latest);
    expect((await get('replays', '/replays?limit=3')).replays).toHaveLength(3);
    expect(listed.length).toBe(new Set(listed.map(({ replay_id }) => replay_id)).size);
  });
}
