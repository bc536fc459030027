import { KitError, packKey, parseEventId } from '@pik/schema';
import {
  createFaultyBackend,
  createMemoryBackend,
  createTestClock,
  type FaultKind,
  type TestClock,
} from '@pik/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { IngestRequest, Pipeline } from '../../src/api/pipeline.ts';
import type { Backend } from '../../src/ports/backend.ts';

// Faults of an earlier kit with the same purpose, by their number in that list. D03, D14, D15, D39 to D41 and D46 are
// also in the HTTP contract; D24, D25, D33 in schema's time tests; D28, D29 in its identity tests; D35 in the backend
// contract.

const DAY_MS = 86_400_000;
let clock: TestClock;
let durable: Backend & { readonly packs: Map<string, Uint8Array> };
let pipeline: Pipeline;
beforeEach(() => {
  clock = createTestClock(Date.UTC(2025, 11, 30));
  durable = createMemoryBackend(clock);
  pipeline = createPipeline({ backend: durable });
});

const base = {
  source: 'ios_app',
  event_type: 'purchase',
  entity_id: 'user_123',
  event_time: '2025-12-28T23:59:59Z',
  payload: { n: 1 },
};

function ingest(records: unknown, options: { to?: Pipeline; dryRun?: boolean; raw?: string } = {}) {
  const request: IngestRequest = {
    body: new TextEncoder().encode(options.raw ?? JSON.stringify(records)),
    format: 'json',
    mode: 'live',
    receivedMs: clock.now(),
    requestId: 'r',
    principal: null,
    dryRun: options.dryRun ?? false,
  };
  return (options.to ?? pipeline).ingest(request);
}

async function one(record: unknown) {
  return (await ingest(record)).results[0];
}

async function story(eventId: string | null | undefined) {
  return pipeline.explainEvent({ event_id: eventId ?? '' }, { asOfMs: null });
}

describe('no data is lost', () => {
  it.each(['fail-before', 'fail-after', 'crash-before', 'crash-after'] as FaultKind[])(
    'D01: an append that fails (%s) and is repeated loses nothing',
    async (kind) => {
      const broken = createPipeline({ backend: createFaultyBackend(durable, [{ call: 2, kind }]) });
      await expect(ingest(base, { to: broken })).rejects.toThrow();
      await pipeline.sweep({ minAgeMs: 0, lookBackMs: 0 });
      const again = await one(base);
      expect(['ACCEPTED', 'DUPLICATE']).toContain(again?.status);
      expect((await story(again?.event_id)).bytes).toMatchObject({ state: 'OK', body: JSON.stringify(base) });
    },
  );

  it('D02: the sweeper makes an index write that failed and that the client never repeated', async () => {
    const broken = createPipeline({ backend: createFaultyBackend(durable, [{ call: 3, kind: 'fail-before' }]) });
    await expect(ingest(base, { to: broken })).rejects.toMatchObject({ code: 'INDEX_UNAVAILABLE' });
    expect(await pipeline.sweep({ minAgeMs: 0, lookBackMs: 0 })).toMatchObject({
      packs_admitted: 1,
      receipts_admitted: 1,
    });
    expect((await one(base))?.status).toBe('DUPLICATE');
  });

  it('D03: a source of 900 characters is refused with its reason, and nothing claims its place', async () => {
    expect(await one({ ...base, source: 's'.repeat(900) })).toMatchObject({
      status: 'REJECTED',
      code: 'FIELD_TOO_LONG',
      path: '/source',
    });
    expect((await one(base))?.status).toBe('ACCEPTED');
  });

  it('D04: an invalid configuration fails at the start, not at the first event', () => {
    expect(() => createPipeline({ backend: durable, indexRetentionMs: Number.NaN })).toThrow(KitError);
    expect(() => createPipeline({ backend: durable, indexRetentionMs: 0 })).toThrow(KitError);
  });

  it('D13: two equal occurrences stay two events; nanoseconds distinguish events; a match by content is called inferred', async () => {
    const producer = (seq: number) => ({
      identity: 'occurrence',
      producer: { id: '01890a5d-ac96-774b-bcce-b302099a8057', seq },
    });
    const { results } = await ingest([
      { ...base, ...producer(1) },
      { ...base, ...producer(2) },
      { ...base, event_time: '2025-12-28T23:59:59.000000456Z' },
      { ...base, event_time: '2025-12-28T23:59:59.000000457Z' },
    ]);
    expect(results.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'ACCEPTED'));
    await one(base);
    expect(await one(base)).toMatchObject({ status: 'DUPLICATE', flags: ['INFERRED'] });
  });

  it('D14: the same key with another payload is a CONFLICT, and both payloads are stored', async () => {
    const first = await one({ ...base, idempotency_key: 'k' });
    const second = await one({ ...base, idempotency_key: 'k', payload: { n: 2 } });
    expect(second).toMatchObject({ status: 'CONFLICT', event_id: first?.event_id });
    const { deliveries, findings } = await story(first?.event_id);
    expect(deliveries).toHaveLength(1);
    expect(findings[0]?.text).toContain('"n"');
  });

  it('D15: a rejected record is stored with its reason and listed under its source', async () => {
    await one({ ...base, event_time: 'soon' });
    const { rejects } = await pipeline.rejects({
      source: 'ios_app',
      limit: 10,
      cursor: null,
    });
    expect(rejects).toMatchObject([{ code: 'TIME_INVALID', path: '/event_time', source: 'ios_app' }]);
  });
});

describe('no answer is wrong', () => {
  it('D16, D17, D18: repeats on later days leave the first receipt, its lag and its address unchanged', async () => {
    const first = await one({ ...base, idempotency_key: 'k' });
    const before = (await story(first?.event_id)).event;
    for (let day = 1; day <= 3; day++) {
      clock.ms += DAY_MS;
      await one({ ...base, idempotency_key: 'k', event_time: `2025-12-2${day}T00:00:00Z` });
    }
    const after = await story(first?.event_id);
    expect(after.event).toEqual(before);
    expect(after.bytes?.state).toBe('OK');
    expect(after.deliveries.map(({ after_first_ms }) => after_first_ms)).toEqual([DAY_MS, 2 * DAY_MS, 3 * DAY_MS]);
  });

  it('D26: a time in the future has a negative lag and a flag, and is accepted', async () => {
    const result = await one({ ...base, event_time: '2099-01-01T00:00:00Z' });
    expect(result).toMatchObject({ status: 'ACCEPTED', flags: ['FUTURE'] });
    expect(result?.lag_ms).toBeLessThan(0);
  });

  it('D27: repeats never count in lag figures', async () => {
    await one(base);
    clock.ms += 2 * DAY_MS;
    for (let i = 0; i < 3; i++) await one(base);
    const { total } = await pipeline.ask('lag', {
      basis: 'event',
      by: ['source'],
      include_imported: false,
      limit: 9,
      late_over_ms: 7_200_000,
    });
    expect(total).toMatchObject({ count: 1, max_ms: Date.UTC(2025, 11, 30) - Date.parse(base.event_time) });
  });

  it('D30, J11: a storage key never contains text of a caller', async () => {
    const evil = {
      ...base,
      source: 'evil/event_type=x',
      event_type: '../../etc',
      entity_id: 'a#b',
      idempotency_key: '=+%2F',
    };
    const result = await one(evil);
    const packId = [...durable.packs.keys()].at(-1) ?? '';
    expect(result?.raw_key).toBe(packKey(packId));
    expect(result?.raw_key).toMatch(
      /^raw\/v1\/stored_date=\d{4}-\d\d-\d\d\/stored_hour=\d\d\/[0-9a-f-]{36}\.ndjson\.gz$/,
    );
  });

  it.each([[0], [''], [1], [null], [false], [{}]])(
    'D31: %j is refused as an idempotency key, not silently left out',
    async (key) => {
      expect(await one({ ...base, idempotency_key: key })).toMatchObject({
        status: 'REJECTED',
        path: '/idempotency_key',
      });
    },
  );

  it.each([
    [{ ...base, source: null }, '/source'],
    [{ ...base, entity_id: { a: 1 } }, '/entity_id'],
    [{ ...base, entity_id: '' }, '/entity_id'],
    [{ ...base, entity_id: ' ' }, '/entity_id'],
    [{ ...base, event_type: 'a\nb' }, '/event_type'],
    [{ ...base, payload: 'text' }, '/payload'],
    [7, undefined],
    [null, undefined],
    ['text', undefined],
  ])('D32: %j is rejected with the path of the fault', async (record, path) => {
    const result = (await ingest([record])).results[0];
    expect(result).toMatchObject({ status: 'REJECTED' });
    expect(result?.path).toBe(path);
  });

  it('D34: the received bytes are kept unchanged, and equal values in other spellings are one event', async () => {
    const spelt =
      '{"source":"ios_app","event_type":"purchase","entity_id":"user_123","event_time":"2025-12-29T01:59:59+02:00",\n "payload":{"n" : 1.0}, "event_id":"mine"}';
    const { results } = await ingest(null, { raw: spelt });
    const packId = [...durable.packs.keys()].at(-1) ?? '';
    expect(new TextDecoder().decode((await pipeline.receipt({ pack_id: packId, line: 0 })).body)).toBe(spelt);
    expect((await one(base))?.event_id).toBe(results[0]?.event_id);
  });

  it('D34, J6: 2^53 + 1 does not repeat 2^53; a number out of range and a lone surrogate are rejected, not silently changed', async () => {
    const raw = (payload: string) =>
      `{"source":"s","event_type":"t","entity_id":"e","event_time":"2025-12-28T00:00:00Z","payload":{"n":${payload}}}`;
    const statuses: unknown[] = [];
    for (const payload of [
      '9007199254740992',
      '9007199254740993',
      '9007199254740993',
      '1e400',
      '"\\ud800"',
      '1,"n":1',
    ]) {
      const { results } = await ingest(null, { raw: raw(payload) });
      statuses.push(results[0]?.code ?? results[0]?.status);
    }
    expect(statuses).toEqual([
      'ACCEPTED',
      'ACCEPTED',
      'DUPLICATE',
      'NUMBER_OUT_OF_RANGE',
      'LONE_SURROGATE',
      'JSON_DUPLICATE_KEY',
    ]);
  });

  it('D35: a repeat is recognised until retention ends; after that it is a new event, and reported as new', async () => {
    pipeline = createPipeline({ backend: durable, indexRetentionMs: 35 * DAY_MS });
    await one(base);
    clock.ms += 34 * DAY_MS;
    expect((await one(base))?.status).toBe('DUPLICATE');
    clock.ms += DAY_MS;
    expect(await one(base)).toMatchObject({ status: 'ACCEPTED', flags: ['AFTER_EXPIRY'] });
  });

  it('D39, D41: a dry run reads the index and gives the outcome of ingest', async () => {
    await one(base);
    const { results } = await ingest([base, { ...base, payload: { n: 3 } }], { dryRun: true });
    expect(results.map(({ status }) => status)).toEqual(['DUPLICATE', 'ACCEPTED']);
    expect(durable.packs.size).toBe(1);
  });

  it('D42: every explanation checks the stored bytes against their hash', async () => {
    const result = await one(base);
    const [packId] = durable.packs.keys();
    const other = await one({ ...base, payload: { n: 99 } });
    const otherPack = [...durable.packs.keys()].find((id) => other?.raw_key?.includes(id)) ?? '';
    durable.packs.set(packId ?? '', durable.packs.get(otherPack) ?? new Uint8Array());
    expect((await story(result?.event_id)).bytes?.state).toBe('DIFFERS');
    durable.packs.set(packId ?? '', Uint8Array.of(1, 2, 3));
    expect((await story(result?.event_id)).bytes?.state).toBe('CORRUPT');
    durable.packs.delete(packId ?? '');
    expect((await story(result?.event_id)).bytes?.state).toBe('MISSING');
  });

  it('D46: an event is found by its id alone', async () => {
    const result = await one(base);
    expect(await story(result?.event_id)).toMatchObject({ found: true, event: { event_id: result?.event_id } });
  });
});

describe('the edges of the design', () => {
  it('G10, T1: a producer clock that is a hundred years off affects only its own event time', async () => {
    for (const year of ['1925', '2125']) {
      const result = await one({ ...base, event_time: `${year}-12-28T00:00:00Z` });
      expect(result?.status).toBe('ACCEPTED');
      expect(result?.raw_key).toContain('stored_date=2025-12-30');
      expect(parseEventId(result?.event_id ?? '')?.event_time?.slice(0, 4)).toBe(year);
    }
  });

  it('T9: ids stay unique while the clock is set back, and the sweep still finds packs stored then', async () => {
    await one(base);
    await pipeline.sweep({ minAgeMs: 0, lookBackMs: 0 });
    clock.ms -= 3_600_000;
    // The first call stores the clock step.
    const fresh = createPipeline({ backend: createFaultyBackend(durable, [{ call: 4, kind: 'crash-before' }]) });
    await expect(ingest({ ...base, payload: { n: 2 } }, { to: fresh })).rejects.toThrow();
    expect(await createPipeline({ backend: durable }).sweep({ minAgeMs: 0, lookBackMs: 0 })).toMatchObject({
      packs_admitted: 1,
    });
    expect(new Set(durable.packs.keys()).size).toBe(2);
  });

  it('J3: keys that name members of prototypes are data', async () => {
    const raw =
      '{"source":"s","event_type":"t","entity_id":"e","event_time":"2025-12-28T00:00:00Z","payload":{"__proto__":{"polluted":1},"constructor":{"prototype":{}}},"__proto__":{"identity":"occurrence"}}';
    expect((await ingest(null, { raw })).results[0]?.status).toBe('ACCEPTED');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('J23: another identity under the same id is an error, never a CONFLICT', async () => {
    await one(base);
    const collide: Backend = {
      ...durable,
      index: {
        ...durable.index,
        admit: (rows, decide) =>
          durable.index.admit(rows, (met) =>
            decide(
              met.map((item) =>
                item.kind === 'present' ? { ...item, stored: { ...item.stored, entity_id: 'other' } } : item,
              ),
            ),
          ),
      },
    };
    await expect(ingest(base, { to: createPipeline({ backend: collide }) })).rejects.toMatchObject({
      code: 'IDENTITY_COLLISION',
    });
  });
});
