import { type ChangeExplanation, changeExplanationSchema } from '@pik/schema';
import { expect, it } from 'vitest';

import { type Asking, event, text, unique } from './ask.ts';

const DAY = '2025-12-28';

/** Tests of the route that explains why a value changed. */
export function changes(ask: Asking): void {
  const send = async (entity_id: string, hours: readonly number[]): Promise<string[]> => {
    const at = (hour: number) => `${DAY}T${String(hour).padStart(2, '0')}:00:00Z`;
    const { json } = await ask('/ingest', {
      body: text(hours.map((hour) => event({ entity_id, event_time: at(hour) }))),
    });
    expect(json.counts).toEqual({ ACCEPTED: hours.length });
    return json.results.map(({ event_id }: { event_id: string }) => event_id);
  };
  const path = (entity_id: string, fields: Record<string, string>) => {
    const query = { metric: 'daily_event_count', key: entity_id, window_start: DAY, ...fields };
    return `/aggregates/explain?${new URLSearchParams(query)}`;
  };
  const explain = async (entity_id: string, fields: Record<string, string>): Promise<ChangeExplanation> => {
    const { status, json, text: answered } = await ask(path(entity_id, fields));
    expect(status, answered).toBe(200);
    expect(changeExplanationSchema.parse(json)).toEqual(json);
    return json;
  };
  const refusal = async (entity_id: string, fields: Record<string, string>) => {
    const { status, json } = await ask(path(entity_id, fields));
    return [status, json.code, json.path];
  };
  /** A receive time by which the entity has two of its five events. */
  const twoThenThree = async (entity_id: string) => {
    await send(entity_id, [1, 2]);
    const { json } = await ask(`/timeline?entity_id=${entity_id}`);
    const as_of: string = json.events
      .map(({ received_at }: { received_at: string }) => received_at)
      .sort()
      .at(-1);
    // Receive times are whole milliseconds: the next request must have a later one.
    await new Promise((resolve) => setTimeout(resolve, 5));
    return { as_of, later: await send(entity_id, [3, 4, 5]) };
  };

  it('explains why a value changed between a receive time and now, with the events behind it', async () => {
    const entity_id = `contract_change_${unique()}`;
    const { as_of, later } = await twoThenThree(entity_id);
    const change = await explain(entity_id, { from: as_of });
    expect(change).toMatchObject({
      before: { kind: 'AS_OF', value: 2, input_count: 2, as_of },
      after: { kind: 'NOW', value: 5, input_count: 5 },
      delta: 3,
      exact: true,
      classes: [{ class: 'LATE', contribution: 3, came: 3, went: 0 }],
      events_total: 3,
    });
    expect(change.events.map(({ event_id }) => event_id).sort()).toEqual(later.sort());
    expect(change.sentence).toContain('2 → 5 (+3)');
    expect((await explain(entity_id, { from: as_of, to: as_of })).delta).toBe(0);
  });

  it('lists at most the requested number of events, and says so', async () => {
    const entity_id = `contract_change_${unique()}`;
    const { as_of } = await twoThenThree(entity_id);
    const change = await explain(entity_id, { from: as_of, limit: '2' });
    expect([change.events.length, change.events_total]).toEqual([2, 3]);
    expect(change.notes.map(({ code }) => code)).toContain('EVENTS_CUT');
  });

  it('has further pages with the other events, of the same change even if more events arrived since', async () => {
    const entity_id = `contract_change_${unique()}`;
    const { as_of, later } = await twoThenThree(entity_id);
    const first = await explain(entity_id, { from: as_of, limit: '2' });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await send(entity_id, [6]);
    const second = await explain(entity_id, { from: as_of, limit: '2', cursor: first.next_cursor ?? '' });
    const { events, units, next_cursor, notes, after, ...rest } = second;
    // By then the as-of time of the first page has long settled.
    const { unsettled, ...value } = after;
    expect(first).toMatchObject({ ...rest, after: value });
    expect([...first.events, ...events].map(({ event_id }) => event_id).sort()).toEqual(later.sort());
    expect(next_cursor).toBeNull();
    const of = async (fields: Record<string, string>) => (await refusal(entity_id, fields))[1];
    expect(await of({ from: as_of, cursor: 'nonsense' })).toBe('CURSOR_INVALID');
    expect(await of({ from: as_of, to: as_of, cursor: first.next_cursor ?? '' })).toBe('CURSOR_INVALID');
  });

  it('returns raw events with their further receipts on request, on both routes', async () => {
    const entity_id = `contract_change_${unique()}`;
    const keyed = (value: number) => event({ entity_id, source: entity_id, idempotency_key: 'k', payload: { value } });
    for (const value of [1, 2, 1]) await ask('/ingest', { body: text(keyed(value)) });
    const range = `start_time=${DAY}T00:00:00Z&end_time=2025-12-29T00:00:00Z&source=${entity_id}`;
    for (const path of [`/timeline?entity_id=${entity_id}`, `/selection?${range}`]) {
      const { text: lines } = await ask(`${path}&include=deliveries`);
      const [raw, end] = lines
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(end).toMatchObject({ end: true, count: 1 });
      expect(JSON.parse(raw.body).payload).toEqual({ value: 1 });
      expect(raw.deliveries_cut).toBe(false);
      const further = raw.deliveries.map((one: { outcome: string; body: string }) => [
        one.outcome,
        JSON.parse(one.body).payload,
      ]);
      expect(further).toEqual([
        ['CONFLICT', { value: 2 }],
        ['DUPLICATE', { value: 1 }],
      ]);
      const { text: plain } = await ask(`${path}&include=body`);
      expect(JSON.parse(plain.split('\n')[0] ?? '')).not.toHaveProperty('deliveries');
    }
  });

  it('refuses sides that are malformed, in the wrong order, or missing', async () => {
    const entity_id = `contract_change_${unique()}`;
    const { as_of } = await twoThenThree(entity_id);
    expect(await refusal(entity_id, {})).toEqual([404, 'VERSION_UNKNOWN', undefined]);
    expect(await refusal(entity_id, { from: '7', to: 'now' })).toEqual([404, 'VERSION_UNKNOWN', undefined]);
    expect(await refusal(entity_id, { from: 'now', to: as_of })).toEqual([422, 'REQUEST_INVALID', '/from']);
    expect(await refusal(entity_id, { to: 'now' })).toEqual([422, 'REQUEST_INVALID', '/from']);
    expect(await refusal(entity_id, { from: '0' })).toEqual([422, 'REQUEST_INVALID', '/from']);
    expect(await refusal(entity_id, { from: 'tomorrow' })).toEqual([422, 'REQUEST_INVALID', '/from']);
    expect(await refusal(entity_id, { from: as_of, to: '2025-12-32' })).toEqual([422, 'REQUEST_INVALID', '/to']);
    expect(await refusal(entity_id, { from: as_of, limit: '1001' })).toEqual([422, 'REQUEST_INVALID', '/limit']);
    expect(await refusal(entity_id, { from: as_of, window_start: '2025-12-28T01:00:00Z' })).toEqual([
      422,
      'REQUEST_INVALID',
      '/window_start',
    ]);
    expect(await refusal(entity_id, { from: as_of, metric: 'nothing' })).toEqual([404, 'METRIC_UNKNOWN', undefined]);
  });
}
