import { deriveIdentity, parseTime, sha256Hex } from '@pik/schema';
import { createMemoryBackend, createTestClock, type TestClock } from '@pik/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { EventQuery, Pipeline } from '../../src/api/pipeline.ts';

// Why an event is missing: each reason alone, and its evidence read back.

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

function sendText(text: string) {
  const request = { format: 'ndjson', mode: 'live', requestId: 'r', principal: null, dryRun: false } as const;
  return pipeline.ingest({ body: new TextEncoder().encode(text), receivedMs: clock.now(), ...request });
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
  it('rejected: a refused receipt that names the entity comes first, and can be read', async () => {
    const { results } = await send(order(30, { payload: 1 }), order(30, { entity_id: 'user_2', payload: 1 }));
    const [first] = await reasons(fragment);
    expect(first).toMatchObject({ code: 'REJECTED', text: expect.stringContaining('PAYLOAD_NOT_CONTAINER') });
    expect(first?.evidence).toEqual([{ pack_id: expect.stringMatching(/^[0-9a-f-]{36}$/), line: results[0]?.line }]);
    const { receipt } = await pipeline.receipt(first?.evidence?.[0] as { pack_id: string; line: number });
    expect(receipt.body).toContain('user_1');
    const keyed = { source: 'shop', event_type: 'order.placed', entity_id: 'user_9', key: 'k' };
    expect((await reasons(keyed))[0]).toMatchObject({ code: 'REJECTED_IN_SERIES' });
  });

  it('a refusal after the as-of time is not a reason', async () => {
    const asOfMs = clock.now();
    clock.ms += 1_000;
    await send(order(30, { payload: 1 }));
    expect((await reasons(fragment, asOfMs)).map(({ code }) => code)).toEqual(['NO_RECEIPT']);
  });

  it.each([
    ['LOST_CONFLICT', { minute: 'other' }],
    ['REPEAT_OF_ANOTHER', { minute: 0 }],
  ])('%s: a receipt of that time that belongs to another event, with that event', async (code, payload) => {
    const early = order(0, { event_time: '2026-01-04T08:00:00Z', idempotency_key: 'k' });
    const { results } = await send(early, order(30, { idempotency_key: 'k', payload }));
    const findings = await reasons(fragment);
    expect(findings[0]).toMatchObject({ code, evidence: [{ event_id: results[0]?.event_id, line: 1 }] });
    // An id made from the content finds the same receipt: the id contains entity and time.
    expect((await reasons(byId(30)))[0]?.code).toBe(code);
  });

  it('missing sequence numbers between the neighbours are named, dropped ones are not', async () => {
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

  it('outside retention, a malformed id, and last: no receipt, with the number of neighbours', async () => {
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

  it('a refused receipt that names the entity is found at any receive time, among any number of later ones', async () => {
    const { results } = await send(order(30, { payload: 1 }));
    for (let part = 0; part < 6; part++) {
      clock.ms += 86_400_000;
      await send(...Array.from({ length: 100 }, (_, i) => order(30, { entity_id: `other_${part}_${i}`, payload: 1 })));
    }
    const [first, ...others] = await reasons(fragment);
    expect(first).toMatchObject({ code: 'REJECTED', evidence: [{ line: results[0]?.line }] });
    expect(first?.text).toBe(
      '1 receipt that names this entity was rejected (PAYLOAD_NOT_CONTAINER) and received within a day of that time; it may be the event asked for.',
    );
    // The answer does not claim at the same time that no receipt came.
    expect(others.map(({ text }) => text).join(' ')).not.toContain('No receipt of it was found');
    // An id contains the hash of its entity, so the receipt is found by the id alone.
    expect((await reasons(byId(30)))[0]?.code).toBe('REJECTED');
    expect((await reasons({ ...fragment, entity_id: 'other_3_77' }))[0]).toMatchObject({
      code: 'REJECTED',
      text: expect.stringContaining('none was received within a day of that time'),
    });
  });

  it('rejected receipts without a readable entity: the bytes nearest to the time are searched, and the answer names those that were not', async () => {
    const searched = async () => (await reasons(fragment)).at(-1)?.text ?? '';
    const broken = (text: string) => sendText(`{"source":"shop","entity_id":${text}`);
    await broken('"user_2"');
    expect(await searched()).toContain('the bytes of 1 rejected receipt received from 2026-01-04T10:30');
    expect(await searched()).toContain(
      'Not searched: rejected receipts of other times in which no entity can be read.',
    );
    for (let part = 0; part < 3; part++) await sendText(Array.from({ length: 100 }, () => '{"broken"').join('\n'));
    expect(await searched()).toContain('the bytes of 200 rejected receipts');
    expect(await searched()).toMatch(
      /Not searched: 101 further rejected receipts received from .* in which no entity can be read;/,
    );
    await broken('"user_1"');
    const [first] = await reasons(fragment);
    expect(first).toMatchObject({
      code: 'REJECTED',
      text: expect.stringContaining('rejected (JSON_SYNTAX)'),
    });
    const { receipt } = await pipeline.receipt(first?.evidence?.[0] as { pack_id: string; line: number });
    expect(receipt.body).toContain('"user_1"');
    expect((await reasons({ ...fragment, event_time: '2026-01-09T10:00:00Z' }))[0]?.code).toBe('NO_RECEIPT');
  });

  it.each([
    ['user_é', 'user_e\u0301', 'Unicode form (NFD; the one asked about is NFC)'],
    ['user_e\u0301', 'user_é', 'Unicode form (NFC; the one asked about is NFD)'],
    ['USER_1', 'user_1', 'case'],
    ['anna berg', 'Anna Berg', 'case'],
    ['anna', 'ANNA', 'case'],
    ['user_1 ', 'user_1', 'white space around it'],
    ['user_1', 'user_1 ', 'white space around it'],
    ['\ufeffuser_1', 'user_1', 'white space around it'],
    [' ÉMILE', 'e\u0301mile', 'Unicode form and case and white space around it'],
  ])('asked for %j where %j is stored, the answer gives the other spelling', async (asked, stored, differences) => {
    const { results } = await send(order(10, { entity_id: stored }));
    const found = (await reasons({ entity_id: asked, event_time: at(30) })).find(
      ({ code }) => code === 'SIMILAR_ENTITY',
    );
    expect(found?.text).toContain(
      `${JSON.stringify(stored)}, an id that differs from the one asked about only in ${differences}`,
    );
    expect(found?.evidence).toEqual([{ event_id: results[0]?.event_id }]);
    const page = { entity_id: asked, start_time: null, end_time: null, asOfMs: null, limit: 9, cursor: null };
    expect((await pipeline.timeline(page)).empty).toBe(`No event of this entity is known. ${found?.text}`);
  });

  it('ids that only look similar are not suggested', async () => {
    await send(
      order(10, { entity_id: 'user_10' }),
      order(10, { entity_id: 'user 1' }),
      order(10, { entity_id: 'usér_1' }),
    );
    expect((await reasons(fragment)).map(({ code }) => code)).toEqual(['NO_RECEIPT']);
  });

  it('missing sequence numbers between the nearest neighbours are named among any number of events of the entity', async () => {
    const many = (hour: number, count: number, seq: number) =>
      Array.from({ length: count }, (_, i) => {
        const event_time = new Date(Date.UTC(2026, 0, 5, hour) + i * 1_000).toISOString();
        return order(0, { event_time, payload: { i }, producer: { id: PRODUCER, seq: seq + i } });
      });
    const { results } = await send(...many(2, 800, 1), ...many(8, 400, 811), ...many(9, 400, 1_215));
    const findings = await reasons({ entity_id: 'user_1', event_time: '2026-01-05T06:00:00Z' });
    const gap = findings.find(({ code }) => code === 'SEQUENCE_GAP');
    expect(gap?.text).toContain('numbers 801–810 of producer');
    expect(gap?.text).not.toContain('1211');
    expect(gap?.evidence).toEqual([799, 800].map((place) => ({ event_id: results[place]?.event_id })));
    expect(findings.at(-1)?.text).toContain('at least');
  });
});

describe('an event near a time', () => {
  it('is found up to an hour away, and not farther', async () => {
    await send(order(0));
    const ask = (event_time: string) =>
      pipeline.explainEvent({ entity_id: 'user_1', event_time }, { asOfMs: null }).then(({ found }) => found);
    expect(await ask('2026-01-05T11:00:00Z')).toBe(true);
    expect(await ask('2026-01-05T09:00:00Z')).toBe(true);
    expect(await ask('2026-01-05T11:00:00.001Z')).toBe(false);
    expect(await ask('2026-01-05T08:59:59.999Z')).toBe(false);
  });

  it('is the nearest of any number within the hour', async () => {
    const at = (ms: number) => new Date(Date.UTC(2026, 0, 5, 10) + ms).toISOString();
    const make = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => order(0, { event_time: at(from + i), payload: { i } }));
    await send(...make(-3_000_000, 1_500));
    await send(...make(600_000, 1_500));
    const asked = { entity_id: 'user_1', event_time: at(-600_000) };
    const { event, findings } = await pipeline.explainEvent(asked, { asOfMs: null });
    expect(event?.event_time).toBe(at(600_000).replace('Z', '000000Z'));
    expect(findings[0]).toMatchObject({
      code: 'NEAREST_OF_SEVERAL',
      text: expect.stringMatching(/^At least \d+ more/),
    });
    const before = await pipeline.explainEvent({ ...asked, event_time: at(-2_998_400) }, { asOfMs: null });
    expect(before.event?.event_time).toBe(at(-2_998_501).replace('Z', '000000Z'));
  });
});
