import { expect, it } from 'vitest';

import { type Json, text } from './ask.ts';
import { DAY, fresh, type ReplayAsks, readAll, send, series } from './replay-asks.ts';

/** Tests of the routes of dead letters. */
export function deadLetters({ ask, get, replay, view, until }: ReplayAsks): void {
  const list = () => readAll(get, 'deadLetters', { path: '/dead-letters?limit=1', items: 'dead_letters' });
  const redrive = async (body: object): Promise<number> =>
    (await get('redrive', '/dead-letters/redrive', { body: text(body) })).redriven;

  it('without any dead letter there is nothing to list and nothing to redrive', async () => {
    expect(await list()).toEqual([]);
    expect(await redrive({ message_ids: ['none', 'none'] })).toBe(0);
    expect(await redrive({})).toBe(0);
  });

  it('D05, D06, G14: a message that fails again and again is listed with its reason, delays nothing else, and is redriven', async ({
    skip,
  }) => {
    const [poison, other] = [fresh(), fresh()];
    const broken = { event_time: '2025-12-28T10:00:05Z', payload: { broken: true } };
    for (const of of [poison, other]) await send(ask, [...series(of, 2), { ...of, ...broken }]);
    const healthy = fresh();
    await send(ask, series(healthy, 2));
    const sent: Json[] = [];
    for (const { entity_id } of [poison, other]) sent.push(await replay({ ...DAY, entity_id }));
    const { replay_id: beside } = await replay({ ...DAY, entity_id: healthy.entity_id });
    await until(async () => (await list()).length === 2, skip);
    expect(await view(beside)).toMatchObject({ windows: { touched: 3, done: 3, changed: 3 } });
    const letters = await list();
    expect(letters.map(({ replay_id }) => replay_id).sort()).toEqual(sent.map(({ replay_id }) => replay_id).sort());
    for (const letter of letters) {
      expect(letter).toMatchObject({ code: 'AGGREGATE_FAILED', receives: 5 });
      expect(letter.detail).toContain('the payload is broken');
      expect(letter.died_at >= letter.sent_at).toBe(true);
      expect(JSON.parse(letter.body)).toMatchObject({ kind: 'replay', message_id: letter.message_id });
      expect(JSON.parse(letter.body).events).toHaveLength(3);
      // The windows of its other metrics were still computed.
      const { windows, failures } = await view(letter.replay_id);
      expect(windows).toEqual({ touched: 3, done: 2, changed: 2, failed: 1 });
      const broken_id = JSON.parse(letter.body).events[2].event_id;
      expect(failures).toMatchObject([{ metric: 'contract_fragile', event_id: broken_id, detail: letter.detail }]);
      expect(letter.detail).toContain(`contract_fragile, key ${failures[0]?.key}, window 2025-12-28: `);
      expect(letter.detail).toContain(broken_id);
    }
    const failures = (await get('rejects', `/rejects?source=${poison.source}`)).rejects;
    const window = {
      metric: 'contract_fragile',
      key: poison.entity_id,
      window_start: '2025-12-28T05:00:00.000000000Z',
    };
    const [failure] = failures;
    expect(failures).toMatchObject([
      { kind: 'PROCESSING', code: 'AGGREGATE_FAILED', event_type: 'thing.happened', window },
    ]);
    // The address is that of the event at fault, not of the first of the message.
    const receipt = await ask(`/receipts/${failure.pack_id}/${failure.line}`, { accept: 'application/octet-stream' });
    expect(JSON.parse(receipt.text)).toMatchObject(broken);
    const report = await get('failures', `/reports/failures?source=${poison.source}`);
    expect(report.groups).toMatchObject([{ count: 1, windows: [{ ...window, event_id: failure.event_id }] }]);
    const [one, two] = letters.map(({ message_id }): string => message_id);
    expect(await redrive({ message_ids: [one, 'none', one] })).toBe(1);
    expect((await list()).map(({ message_id }) => message_id)).toEqual([two]);
    expect(await redrive({})).toBe(1);
    expect(await list()).toEqual([]);
    for (const { replay_id } of sent)
      expect(await view(replay_id)).toMatchObject({ windows: { done: 2, failed: 0 }, failures: [] });
  });
}
