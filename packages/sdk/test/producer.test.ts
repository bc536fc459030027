import { createProducer, defineCatalog } from '@pik/sdk';
import {
  accept,
  countInTheEnd,
  type Script,
  seqsOf,
  statuses,
  world,
} from '@pik/testkit/fixtures/producer/producer-world';
import { eventsOf, idOf, problem, reportsOf, scriptedBackend } from '@pik/testkit/fixtures/producer/scripted-backend';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';

/** Generous for busy machines; a test that hangs ends by its own timeout. */
const PATIENT = { timeout: 600_000 };

afterEach(() => void vi.useRealTimers());
describe('emit', () => {
  it('J21: captures the payload at once', async () => {
    const { producer, emit, requests } = world();
    const payload = { list: [1], at: new Date(0) };
    emit(payload);
    payload.list.push(2);
    payload.at.setTime(1);
    await producer.close();
    expect(requests[0]?.lines[0]?.payload).toEqual({ list: [1], at: '1970-01-01T00:00:00.000Z' });
  });

  it('J20: reports an event that it cannot capture as a result, never as an exception', async () => {
    const { producer, emit } = world();
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    const throwing = {
      get n() {
        throw new Error('getter');
      },
    };
    const payloads: [unknown, string][] = [
      [cyclic, 'JSON_TOO_DEEP'],
      [{ n: 1n }, 'EVENT_NOT_SERIALIZABLE'],
      [{ n: Number.NaN }, 'NUMBER_OUT_OF_RANGE'],
      [{ n: new Map() }, 'EVENT_NOT_SERIALIZABLE'],
      [{ n: '\ud800' }, 'LONE_SURROGATE'],
      [throwing, 'EVENT_NOT_SERIALIZABLE'],
      ['text', 'PAYLOAD_INVALID'],
      [new Date(), 'PAYLOAD_INVALID'],
      [7, 'PAYLOAD_INVALID'],
      [{ fill: 'x'.repeat(300_000) }, 'EVENT_TOO_LARGE'],
    ];
    for (const [payload, code] of payloads)
      expect(await emit(payload as object).result).toMatchObject({ status: 'REJECTED', code });
    const options: [unknown, string, string][] = [
      [undefined, 'FIELD_MISSING', '/entity_id'],
      [{}, 'FIELD_MISSING', '/entity_id'],
      ['user_1', 'FIELD_MISSING', '/entity_id'],
      [{ entity_id: 7 }, 'FIELD_INVALID', '/entity_id'],
      [{ entity_id: null }, 'FIELD_INVALID', '/entity_id'],
      [{ entity_id: 'e', event_time: new Date(Number.NaN) }, 'FIELD_INVALID', '/event_time'],
      [{ entity_id: 'e', idempotency_key: 5 }, 'FIELD_INVALID', '/idempotency_key'],
      [{ entity_id: 'e', schema_version: {} }, 'FIELD_INVALID', '/schema_version'],
      [{ entity_id: 'e', source: 9 }, 'FIELD_INVALID', '/source'],
    ];
    const emitOf = (type: unknown, given: unknown) => producer.emit(type as string, {}, given as { entity_id: string });
    for (const [given, code, path] of options)
      expect(await emitOf('t', given).result).toMatchObject({ status: 'REJECTED', code, path });
    const none = producer.emit('t', undefined as never, { entity_id: 'e' });
    expect(await none.result).toMatchObject({ code: 'FIELD_MISSING', path: '/payload' });
    expect(await emitOf(undefined, { entity_id: 'e' }).result).toMatchObject({
      code: 'FIELD_MISSING',
      path: '/event_type',
    });
    expect(await emitOf(7, { entity_id: 'e' }).result).toMatchObject({ code: 'FIELD_INVALID', path: '/event_type' });
    await producer.close();
    expect(producer.stats()).toMatchObject({ emitted: 22, rejected: 22, pending: 0 });
  });

  it('takes null as a deletion, without the schema and key function of the catalog', async () => {
    const asked: unknown[] = [];
    const backend = scriptedBackend();
    const catalog = defineCatalog({
      kept: {
        payload: z.object({ id: z.string() }),
        identity: ({ id }) => {
          asked.push(id);
          return id;
        },
      },
      state: { identity: 'content' },
    });
    const producer = createProducer({ catalog, source: 's', fetch: backend.fetch });
    countInTheEnd(producer);
    const at = { entity_id: 'e', event_time: '2026-01-30T10:00:00Z' };
    const deleted = producer.emit('state', null, at);
    const ids = [deleted.event_id, producer.emit('kept', null, { ...at, idempotency_key: 'k' }).event_id];
    await producer.close();
    expect(eventsOf(backend.requests).map(({ payload }) => payload)).toEqual([null, null]);
    expect(ids.filter((id) => !backend.kept.has(String(id)))).toEqual([]);
    expect(asked).toEqual([]);
  });

  it('warns once about an unknown option, and suggests the nearest name', async () => {
    const { producer, entries } = world();
    const options = { entity_id: 'e', idempotncy_key: 'k' };
    for (let n = 0; n < 3; n++) producer.emit('t', { n }, options);
    producer.emit('t', {}, { ...options, colour: 'red' } as typeof options);
    await producer.close();
    const warned = entries.filter(({ event }) => event === 'unknown_option');
    expect(warned.map(({ detail }) => detail)).toEqual([
      expect.stringContaining('did you mean idempotency_key?'),
      expect.stringContaining('colour is not an option'),
    ]);
  });

  it('derives the id of an event with declared volatile members, and otherwise takes the one in the response', async () => {
    const declared = { source: 's', event_type: 't', version: 1, paths: ['/attempt'] };
    const answer: Script = ({ lines }) => {
      const results = lines.map((line, i) => {
        const { attempt, ...payload } = line.payload;
        const flags = attempt === undefined ? {} : { flags: ['VOLATILE'] };
        return {
          event_id: idOf({ ...line, payload }),
          status: 'ACCEPTED',
          lag_ms: 0,
          raw_key: 'raw',
          line: i,
          ...flags,
        };
      });
      return Response.json({ results, counts: {} });
    };
    for (const volatile of [[declared], []]) {
      const { producer } = world(answer, { volatile });
      const at = { entity_id: 'e', event_time: '2026-01-30T10:00:00Z' };
      const [first, again] = [1, 2].map((attempt) => producer.emit('t', { id: 7, attempt }, at));
      const results = await Promise.all([first?.result, again?.result]);
      await producer.close();
      expect(results.map((result) => result?.status)).toEqual(['ACCEPTED', 'ACCEPTED']);
      expect(results[0]?.event_id).toBe(results[1]?.event_id);
      expect(first?.event_id === results[0]?.event_id).toBe(volatile.length > 0);
      expect(first?.event_id === again?.event_id).toBe(volatile.length > 0);
    }
  });

  it('derives the id before anything is sent, and the backend derives the same', async () => {
    const { producer, backend } = world();
    const emitted = [
      producer.emit('t', { b: 1, a: [2] }, { entity_id: 'é', event_time: '2025-12-28T23:59:59.5+01:00' }),
      producer.emit('t', { b: 1 }, { entity_id: 'e', event_time: new Date(5) }),
      producer.emit('t', { b: 1 }, { entity_id: 'e', idempotency_key: 'k' }),
      producer.emit('t', { b: 1 }, { entity_id: 'e' }),
    ];
    const ids = emitted.map(({ event_id }) => event_id);
    await producer.close();
    expect(ids.filter((id) => !backend.kept.has(String(id)))).toEqual([]);
    expect(statuses(await Promise.all(emitted.map(({ result }) => result)))).toEqual(Array(4).fill('ACCEPTED'));
  });

  it('sends the fields next to the payload', async () => {
    const { producer, requests } = world();
    const fields = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, schema_version: 3, source: 'other' };
    producer.emit('t', {}, { entity_id: 'e', idempotency_key: 'k"', ...fields });
    await producer.close();
    expect(requests[0]?.lines[0]).toMatchObject({
      ...fields,
      event_type: 't',
      idempotency_key: 'k"',
      producer: { id: producer.producer_id, seq: 1 },
    });
    expect(requests[0]?.lines[0]).toHaveProperty('sent_at');
  });

  it('returns the same result to every caller, however late', async () => {
    const { producer, emit } = world();
    const sent = emit();
    const early = sent.result;
    await producer.close();
    expect(await sent.result).toBe(await early);
  });
});

describe('a batch', () => {
  it('G6, I14: has the same bytes after a lost response', async () => {
    const { producer, emit, requests } = world((request, backend) => {
      const answer = backend.accept(request.lines);
      if (request.attempt < 3) throw new TypeError('socket closed');
      return answer;
    });
    emit({ a: 1 });
    emit({ a: 2 });
    await producer.close();
    expect(requests).toHaveLength(3);
    expect(new Set(requests.map(({ texts }) => texts.join('\n'))).size).toBe(1);
    expect(producer.stats()).toMatchObject({ acked: 2, undelivered: 0 });
  });

  it('G9: has sequence numbers from 1 without a gap, in the order of emit', async () => {
    const { producer, emit, requests } = world(accept, { batchCountMax: 7, requestsInFlightMax: 3 });
    for (let n = 0; n < 50; n++) emit({ n });
    await producer.close();
    expect(seqsOf(requests).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    for (const { lines } of requests) {
      const seqs = lines.flatMap((line) => line.producer?.seq ?? []);
      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    }
  });

  it('is limited by count, bytes and time', async () => {
    const { producer, emit, requests } = world(accept, {
      batchCountMax: 3,
      batchBytesMax: 2_000,
      requestsInFlightMax: 9,
    });
    for (let n = 0; n < 7; n++) emit({ n });
    await vi.waitFor(() => expect(requests.map(({ lines }) => lines.length)).toEqual([3, 3, 1]), PATIENT);
    for (let n = 0; n < 3; n++) emit({ fill: 'x'.repeat(1_000) });
    await producer.flush();
    expect(requests.slice(3).map(({ lines }) => lines.length)).toEqual([1, 1, 1]);
    await producer.close();
  });

  it('is compressed from a given size on', async () => {
    const { producer, emit, requests } = world();
    emit({ fill: 'x'.repeat(100) });
    await producer.flush();
    emit({ fill: 'x'.repeat(100_000) });
    await producer.flush();
    expect(requests[0]?.bytes).toBeGreaterThan(100);
    expect(requests[1]?.bytes).toBeLessThan(5_000);
    await producer.close();
  });

  it('is retried only for the records that are PENDING', async () => {
    const { producer, emit, requests } = world(({ lines, attempt }, backend) => {
      const results = backend.resultsOf(lines);
      if (attempt === 1) for (const result of results.slice(1)) result.status = 'PENDING';
      return Response.json({ results });
    });
    for (let n = 0; n < 3; n++) emit({ n });
    await producer.flush();
    expect(requests.map(({ lines }) => lines.length)).toEqual([3, 2]);
    expect(producer.stats().acked).toBe(3);
    await producer.close();
  });

  it('O15: is halved if it is too large, and only a record that is too large alone is rejected', async () => {
    const { producer, emit, requests } = world(({ lines }, backend) =>
      lines.length > 1 || JSON.stringify(lines).includes('large')
        ? new Response('<html>too large', { status: 413 })
        : backend.accept(lines),
    );
    const results = ['a', 'large', 'b', 'c'].map((name) => emit({ name }).result);
    await producer.close();
    const all = await Promise.all(results);
    expect(statuses(all)).toEqual(['ACCEPTED', 'REJECTED', 'ACCEPTED', 'ACCEPTED']);
    expect(all[1]).toMatchObject({ code: 'EVENT_TOO_LARGE' });
    expect(reportsOf(requests).flatMap(({ payload }) => payload.dropped)).toContainEqual([2, 2]);
  });

  it('is sent in parallel with others, up to the limit', async () => {
    let underWay = 0;
    let most = 0;
    const four = Promise.withResolvers<void>();
    const { producer, emit } = world(
      async ({ lines }, backend) => {
        underWay += 1;
        most = Math.max(most, underWay);
        if (underWay === 4) four.resolve();
        await four.promise;
        // A fifth request would start now.
        await new Promise((resolve) => setTimeout(resolve, 5));
        underWay -= 1;
        return backend.accept(lines);
      },
      { batchCountMax: 1, requestsInFlightMax: 4 },
    );
    for (let n = 0; n < 20; n++) emit({ n });
    await producer.close();
    expect(most).toBe(4);
  });
});

it('O18: two producers with the same time and state of Math.random have different ids, and so have their events', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 0 });
  const random = vi.spyOn(Math, 'random').mockReturnValue(0.5);
  const [one, other] = [world(), world()];
  expect(one.producer.producer_id).not.toBe(other.producer.producer_id);
  expect(one.emit().event_id).not.toBe(other.emit().event_id);
  random.mockRestore();
  vi.useRealTimers();
  await Promise.all([one.producer.close(), other.producer.close()]);
});

describe('a loss report', () => {
  it('states the last sequence number on close, in an event without one', async () => {
    const { producer, emit, requests } = world();
    for (let n = 0; n < 3; n++) emit({ n });
    await producer.close();
    expect(reportsOf(requests)).toEqual([
      expect.objectContaining({
        source: 's',
        entity_id: producer.producer_id,
        payload: { closed: true, dropped: [], last_seq: 3, undelivered: [] },
      }),
    ]);
    expect(reportsOf(requests)[0]).not.toHaveProperty('producer');
    expect(producer.stats()).toMatchObject({ emitted: 3, acked: 3 });
  });

  it('is not sent by a producer that emitted nothing', async () => {
    const { producer, requests } = world();
    await producer.close();
    expect(requests).toEqual([]);
  });

  it('lists the losses as soon as the backend takes events again', async () => {
    const { producer, emit, requests } = world(
      ({ attempt, lines }, backend) => (attempt <= 2 ? problem(503, 'INDEX_UNAVAILABLE') : backend.accept(lines)),
      { attemptsMax: 2, requestsInFlightMax: 1 },
    );
    const lost = emit();
    expect(await lost.result).toMatchObject({ status: 'UNDELIVERED', code: 'INDEX_UNAVAILABLE' });
    emit();
    await vi.waitFor(
      () =>
        expect(reportsOf(requests)[0]?.payload).toEqual({
          closed: false,
          dropped: [],
          last_seq: 2,
          undelivered: [[1, 1]],
        }),
      PATIENT,
    );
    await producer.close();
  });
});
