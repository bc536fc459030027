import { deriveIdentity, parseTime, sha256Hex } from '@pik/schema';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createPipeline } from '../src/create-pipeline.ts';
import type { EventQuery, Pipeline } from '../src/pipeline.ts';
import { createMemoryBackend, createTestClock, type TestClock } from '../src/testing/memory-backend.ts';

// Why an event is not there: each reason by itself, with the evidence that it names read back.

const PRODUCER = '01890a5d-ac96-774b-bcce-b302099a8057';
let clock: TestClock;
let pipeline: Pipeline;
beforeEach(() => {
  clock = createTestClock(Date.UTC(2026, 0, 5, 12));
  pipeline = createPipeline({ backend: createMemoryBackend(clock), indexRetentionMs: 30 * 86_400_000 });
});
afterEach(() => pipeline.close());

const at = (minute: number) => `2026-01-05T10:${String(minute).padStart(2, '0')}:00Z`;
const order = (minute: number, rest: object = {}) => ({
  source: 'shop',
  event_type: 'order.placed',
  entity_id: 'user_1',
  event_time: at(minute),
  payload: { minute },
  ...rest,
});

function send(...records: object[]) {
  const request = {
    format: 'ndjson',
    mode: 'live',
    receivedMs: clock.now(),
    requestId: 'r',
    principal: null,
    dryRun: false,
  } as const;
  const body = new TextEncoder().encode(records.map((record) => JSON.stringify(record)).join('\n'));
  return pipeline.ingest({ body, ...request });
}

async function reasons(query: EventQuery, asOfMs: number | null = null) {
  const { found, findings } = await pipeline.explainEvent(query, { asOfMs });
  expect(found).toBe(false);
  return findings;
}

const fragment = { entity_id: 'user_1', event_time: at(30) };
const byId = (minute: number) => {
  const event_time = parseTime(at(minute));
  if (event_time === null) throw new Error('no time');
  const { event_id } = deriveIdentity({
    source: 'shop',
    event_type: 'order.placed',
    entity_id: 'user_1',
    event_time,
    payload_hash: sha256Hex('x'),
  });
  return { event_id };
};

describe('a negative explanation', () => {
  it('rejected: a refused receipt that names the entity comes first, and reads back', async () => {
    const { results } = await send(order(30, { payload: 1 }), order(30, { entity_id: 'user_2', payload: 1 }));
    const [first] = await reasons(fragment);
    expect(first).toMatchObject({ code: 'REJECTED', text: expect.stringContaining('PAYLOAD_NOT_CONTAINER') });
    expect(first?.evidence).toEqual([{ pack_id: expect.stringMatching(/^[0-9a-f-]{36}$/), line: results[0]?.line }]);
    const { receipt } = await pipeline.receipt(first?.evidence?.[0] as { pack_id: string; line: number });
    expect(receipt.body).toContain('user_1');
    const keyed = { source: 'shop', event_type: 'order.placed', entity_id: 'user_9', key: 'k' };
    expect((await reasons(keyed))[0]).toMatchObject({ code: 'REJECTED_IN_SERIES' });
  });

  it('a refusal that came after the time asked about is no reason then', async () => {
    const asOfMs = clock.now();
    clock.ms += 1_000;
    await send(order(30, { payload: 1 }));
    expect((await reasons(fragment, asOfMs)).map(({ code }) => code)).toEqual(['NO_RECEIPT']);
  });

  it.each([
    ['LOST_CONFLICT', { minute: 'other' }],
    ['REPEAT_OF_ANOTHER', { minute: 0 }],
  ])(
    '%s: a receipt of that time that is no event of its own, with the event that it belongs to',
    async (code, payload) => {
      const early = order(0, { event_time: '2026-01-04T08:00:00Z', idempotency_key: 'k' });
      const { results } = await send(early, order(30, { idempotency_key: 'k', payload }));
      const findings = await reasons(fragment);
      expect(findings[0]).toMatchObject({ code, evidence: [{ event_id: results[0]?.event_id, line: 1 }] });
      // By an id that was made from the content the same receipt is found: the id holds entity and time.
      expect((await reasons(byId(30)))[0]?.code).toBe(code);
    },
  );

  it('numbers of the producer between the neighbours are named, dropped ones are not', async () => {
    const seen = (minute: number, seq: number) => order(minute, { producer: { id: PRODUCER, seq } });
    await send(...Array.from({ length: 9 }, (_, i) => seen(1 + i, i + 1)), seen(20, 10), seen(40, 15), seen(50, 18));
    const find = async () => (await reasons(byId(30))).find(({ code }) => code === 'SEQUENCE_GAP');
    expect((await find())?.text).toContain('numbers 11–14 of producer');
    const report = (payload: object) =>
      send({ source: 'shop', event_type: 'pik.producer.report', entity_id: PRODUCER, event_time: at(59), payload });
    await report({ dropped: [[11, 12]], last_seq: 18 });
    expect((await find())?.text).toContain('numbers 13–14 of producer');
    await report({
      dropped: [
        [13, 14],
        [16, 17],
      ],
      last_seq: 18,
      closed: true,
    });
    expect(await find()).toBeUndefined();
  });

  it('outside retention, a malformed id, and at last: no receipt, with the neighbours counted', async () => {
    await send(order(20), order(40));
    const codes = async (query: EventQuery) => (await reasons(query)).map(({ code }) => code);
    expect(await codes({ entity_id: 'user_1', event_time: '2025-06-01T00:00:00Z' })).toEqual([
      'OUTSIDE_RETENTION',
      'NO_RECEIPT',
    ]);
    expect(await codes({ event_id: 'nonsense' })).toEqual(['MALFORMED_ID']);
    const [last] = await reasons(byId(30));
    expect(last).toMatchObject({
      code: 'NO_RECEIPT',
      text: expect.stringContaining('2 other events of the entity between'),
    });
  });
});
