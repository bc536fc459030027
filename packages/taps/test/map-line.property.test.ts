import { LIMITS } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { mapLine } from '../src/map-line.ts';
import { defaultMap } from '../src/maps/default-map.ts';
import { defineRecordMap, type RecordMap } from '../src/record-map.ts';
import type { TapRecord } from '../src/tap.ts';

const recordOf = (bytes: Uint8Array | string, rest: Partial<TapRecord> = {}): TapRecord => ({
  ...{
    bytes: Buffer.from(bytes),
    id: 'orders/0/7',
    storedMs: Date.UTC(2026, 0, 30),
    key: null,
    facts: { topic: 'orders' },
  },
  ...rest,
});
const mapOf = (map: RecordMap['map']) => defineRecordMap({ name: 'm', version: 3, map });
const parsed = (line: string | null) => JSON.parse(line ?? 'null');

describe('the line of a record', () => {
  it('has the bytes of the record, whatever they are', () =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          const { line } = mapLine(defaultMap({ source: 's' }), recordOf(bytes));
          const { record, record_base64, map, facts } = parsed(line);
          const kept = record === undefined ? Buffer.from(record_base64, 'base64') : Buffer.from(record);
          expect([...kept]).toEqual([...bytes]);
          expect([map, facts]).toEqual(['default 1', { topic: 'orders' }]);
          expect(line).not.toContain('\n');
        },
      ),
      runs(500),
    ));

  it('is that of a rejected receipt if the map throws, or returns what is not an event', () => {
    const bad: readonly unknown[] = [7, [], Promise.resolve({}), { sourc: 'x' }];
    for (const output of bad) {
      const { line, fault } = mapLine(
        mapOf(() => output as never),
        recordOf('{}'),
      );
      expect(parsed(line)).toEqual({ map: 'm 3', record: '{}', facts: { topic: 'orders', id: 'orders/0/7' }, fault });
      expect(fault).toMatch(/^the map threw: /);
    }
    const thrown = mapLine(
      mapOf(({ value }) => value() as never),
      recordOf('{'),
    );
    expect(thrown.fault).toMatch(/JSON/);
  });

  it('keeps the beginning of a record that is too large, with its size and digest', () => {
    const { line, fault } = mapLine(
      mapOf(() => ({})),
      recordOf('x'.repeat(LIMITS.event_bytes_max + 1)),
    );
    expect(parsed(line).record).toBe('x'.repeat(4_096));
    expect(fault).toMatch(/has 262145 bytes, more than the 262144 of an event; .* SHA-256 is [0-9a-f]{64}/);
    const read = mapLine(
      mapOf(() => ({ payload: 'x'.repeat(LIMITS.event_bytes_max) })),
      recordOf('{}'),
    );
    expect(read.fault).toMatch(/the map read more than/);
  });

  it('is absent for a record that the map leaves out', () => {
    expect(
      mapLine(
        mapOf(() => null),
        recordOf('{}'),
      ),
    ).toEqual({ line: null, read: null, fault: null });
  });

  it('has the key of the map, else that of the caller, else none', () => {
    const keyOf = (idempotency_key: string | null | undefined) =>
      parsed(
        mapLine(
          mapOf(() => ({ idempotency_key })),
          recordOf('{}'),
          { key: 'own' },
        ).line,
      ).fields.idempotency_key;
    expect([keyOf('given'), keyOf(undefined), keyOf(null)]).toEqual(['given', 'own', undefined]);
  });

  it('has a payload as the map wrote it, with all digits', () => {
    const { line } = mapLine(
      mapOf(() => ({ payload_json: '{"n":1.10,"big":12345678901234567890}' })),
      recordOf('x'),
    );
    expect(line).toContain('"payload":{"n":1.10,"big":12345678901234567890}');
  });
});

describe('the default map', () => {
  const read = (text: string, rest: Partial<TapRecord> = {}) =>
    parsed(mapLine(defaultMap({ source: 'orders' }), recordOf(text, rest), { key: 'orders/0/7' }).line);

  it('reads an event in the form of the kit as it is', () => {
    const event = {
      ...{ source: 'shop', event_type: 'sold', entity_id: 'e', event_time: '2026-01-30T10:00:00Z' },
      ...{ identity: 'occurrence', producer: { id: 'p', seq: 1 } },
    };
    const { fields, payload } = read(JSON.stringify({ ...event, payload: { n: 1 } }));
    expect([fields, payload]).toEqual([event, { n: 1 }]);
  });

  it('reads a CloudEvent', () => {
    const event = { specversion: '1.0', id: '1', type: 'sold', source: '/shop', subject: 'e', data: { n: 1 } };
    const { fields, payload } = read(JSON.stringify(event));
    const time = { event_time: '2026-01-30T00:00:00.000Z' };
    expect(fields).toEqual({ source: '/shop', event_type: 'sold', entity_id: 'e', idempotency_key: '1', ...time });
    expect(payload).toEqual({ n: 1 });
  });

  it('takes type, id and time of other JSON, and the place of the record for what it lacks', () => {
    const common = { source: 'orders', idempotency_key: 'orders/0/7' };
    const time = '2026-01-30T00:00:00.000Z';
    const none = { ...common, event_type: 'message', entity_id: 'orders', event_time: time };
    expect(read('{"type":"sold","id":7,"time":"2026-01-29T00:00:00Z"}').fields).toEqual({
      ...{ ...common, event_type: 'sold', entity_id: '7', event_time: '2026-01-29T00:00:00Z' },
    });
    expect(read('{"type":7,"id":{},"time":"yesterday"}').fields).toEqual(none);
    expect(read('ready').fields).toEqual(none);
    expect(read('ready', { key: 'k', storedMs: null }).fields).toEqual({
      ...common,
      event_type: 'message',
      entity_id: 'k',
    });
  });
});

describe('a map', () => {
  it('needs a name, a version and a function', () => {
    for (const given of [
      null,
      {},
      { name: 'a b', version: 1 },
      { name: 'a', version: 0 },
      { name: 'a', version: 1, map: 1 },
    ])
      expect(() => defineRecordMap(given as never)).toThrow(/the map (must|needs)/);
  });
});
