import { flagNames, MS_PER_DAY } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { EventRow, Insertion } from '../../ports/rows.ts';
import { decodeEntries } from '../../storage/rules/slice-codec.ts';
import { decideOutcomes, eventRows } from './outcomes.ts';
import type { PackFacts } from './pack-facts.ts';
import { type ParsedRecord, parseRecord } from './parse-record.ts';

const RECEIVED = Date.UTC(2026, 0, 30, 11);
const pack: PackFacts = {
  pack_id: '01890a5d-ac96-774b-bcce-b302099a8057',
  sha256: '0'.repeat(64),
  bytes: 7,
  requests: [{ request_id: 'request', principal: null, lines: 1 }],
  imported: false,
  sequence: 3,
  expires_ms: RECEIVED + MS_PER_DAY,
};
const base = { source: 's', event_type: 't', event_time: '2026-01-30T10:00:00.000000007Z' };

function arrive(record: object | string, imported = false): ParsedRecord {
  const text =
    typeof record === 'string' ? record : JSON.stringify({ ...base, entity_id: 'e', payload: {}, ...record });
  return parseRecord({ text }, { receivedMs: RECEIVED, imported, volatileOf: () => null });
}

const inserted: Insertion = { kind: 'inserted', replaced_expired: false };
const elsewhere = (row: EventRow): EventRow => ({
  ...row,
  pack_id: '01890a5d-ac95-774b-bcce-b302099a8057',
  received_ms: RECEIVED - 1_000,
});

describe('the rows of a request', () => {
  it('carry each field of their event, and skip rejected records', () => {
    const producer = { id: '01890a5d-ac96-774b-bcce-b302099a8057', seq: 4 };
    const sent_at = '2026-01-30T10:00:05Z';
    const records = [arrive('x'), arrive({ idempotency_key: 'k', producer, sent_at }), arrive({})];
    const rows = eventRows(records, pack);
    expect(rows.map(({ line }) => line)).toEqual([1, 2]);
    const { event } = records[1] as ParsedRecord;
    expect(rows[0]).toEqual({
      pack_id: pack.pack_id,
      line: 1,
      event_id: event?.event_id,
      position: event?.position,
      rule: 'key',
      source: 's',
      event_type: 't',
      entity_id: 'e',
      idempotency_key: 'k',
      producer_id: producer.id,
      producer_seq: 4,
      event_ms: Date.UTC(2026, 0, 30, 10),
      event_sub_ns: 7,
      received_ms: RECEIVED,
      sent_ms: Date.parse(sent_at),
      payload_hash: event?.payload_hash,
      flags: 0,
      expires_ms: pack.expires_ms,
      rank: null,
      live: true,
      answered: 'ACCEPTED',
    });
    expect(rows[1]).toMatchObject({ producer_id: null, producer_seq: null, idempotency_key: null, sent_ms: null });
    const received_at = '2026-01-30T09:00:00Z';
    const [row] = eventRows([arrive({ received_at }, true)], { ...pack, imported: true });
    expect(row).toMatchObject({ live: false, received_ms: Date.parse(received_at) });
    expect(row?.rank).toMatch(/^[0-9a-f]{26}$/);
  });

  it('hold the outcome of each line, and the rows of repeats, conflicts and rejects', () => {
    const records = [
      arrive({ idempotency_key: 'new' }),
      arrive({ idempotency_key: 'same' }),
      arrive({ idempotency_key: 'other', event_time: '2026-01-29T10:00:00Z' }),
      arrive({ event_time: 'soon' }),
      arrive('not JSON'),
    ];
    const rows = eventRows(records, pack);
    const [, same, other] = rows as [EventRow, EventRow, EventRow];
    const insertions: Insertion[] = [
      inserted,
      { kind: 'present', stored: elsewhere(same) },
      { kind: 'present', stored: elsewhere({ ...other, payload_hash: 'f'.repeat(64) }) },
    ];
    const decided = decideOutcomes(records, rows, { pack, insertions });
    expect(decided.verdicts.map((verdict) => verdict?.status ?? null)).toEqual([
      'ACCEPTED',
      'DUPLICATE',
      'CONFLICT',
      null,
      null,
    ]);
    expect(decided.pack).toEqual({
      ...pack,
      outcomes: 'ADCRR',
      received_min_ms: RECEIVED,
      received_max_ms: RECEIVED,
    });
    expect(decided.deliveries.map(({ line, outcome, answered }) => [line, outcome, answered])).toEqual([
      [1, 'DUPLICATE', 'DUPLICATE'],
      [2, 'CONFLICT', 'CONFLICT'],
    ]);
    const failures = decided.failures.map(({ kind, line, code, path, stage }) => [kind, line, code, path, stage]);
    expect(failures).toEqual([
      ['REJECT', 3, 'TIME_INVALID', '/event_time', 'admit'],
      ['REJECT', 4, 'JSON_SYNTAX', null, 'admit'],
      ['CONFLICT', 2, 'CONFLICT', null, 'classify'],
    ]);
    expect(decided.failures[0]).toMatchObject({ source: 's', event_type: 't', event_id: null, payload_hash: null });
    expect(decided.failures[0]?.entity_hash).toMatch(/^[0-9a-z]+$/);
    expect(decided.failures[1]).toMatchObject({ source: null, entity_hash: null });
    const slices = decided.slices.map((slice) => [slice.event_day, slice.accepted, slice.duplicates, slice.conflicts]);
    const day = Math.floor(Date.UTC(2026, 0, 30) / MS_PER_DAY);
    expect(slices).toEqual([
      [day, 1, 1, 0],
      [day - 1, 0, 0, 1],
    ]);
    expect(decodeEntries((decided.slices[0] as { entries: Uint8Array }).entries)).toMatchObject([
      { line: 0, outcome: 'ACCEPTED', first_received_ms: null, event_sub_ns: 7 },
      { line: 1, outcome: 'DUPLICATE', first_received_ms: RECEIVED - 1_000 },
    ]);
  });

  it('are the same when derived again', () => {
    const records = [arrive({}), arrive({ idempotency_key: 'k' }), arrive('x')];
    const rows = eventRows(records, pack);
    const first = decideOutcomes(records, rows, { pack, insertions: [inserted, inserted] });
    // The sweeper finds the rows of the first admission.
    const again = decideOutcomes(records, rows, {
      pack,
      insertions: rows.map((stored) => ({ kind: 'present', stored })),
    });
    expect(again).toEqual(first);
  });

  it('have no PACK row while a line is pending, and no slice includes that line', () => {
    const records = [arrive({}), arrive({ idempotency_key: 'k' })];
    const rows = eventRows(records, pack);
    const decided = decideOutcomes(records, rows, { pack, insertions: [inserted, { kind: 'throttled' }] });
    expect(decided.pack).toBeNull();
    expect(decided.slices.map(({ accepted }) => accepted)).toEqual([1]);
    expect(decided.deliveries).toEqual([]);
  });

  it('are grouped into slices by day, source and type, each with its receive times', () => {
    const time = fc.constantFrom('2026-01-29T23:59:59.999Z', '2026-01-30T00:00:00Z');
    const record = fc.record({
      source: fc.constantFrom('s', 'st'),
      event_type: fc.constantFrom('t', 'tt'),
      event_time: time,
      received_at: fc.constantFrom('2026-01-30T08:00:00Z', '2026-01-30T09:00:00Z', '2026-01-30T10:00:00Z'),
    });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 12 }), (given) => {
        const records = given.map((one, n) => arrive({ ...one, idempotency_key: `${n}` }, true));
        const imported = { ...pack, imported: true };
        const rows = eventRows(records, imported);
        const { slices, pack: packRow } = decideOutcomes(records, rows, {
          pack: imported,
          insertions: rows.map(() => inserted),
        });
        const name = (one: { source: string; event_type: string }, day: number) =>
          `${day} ${one.source} ${one.event_type}`;
        const groups = Map.groupBy(rows, (row) => name(row, Math.floor(row.event_ms / MS_PER_DAY)));
        expect(slices.map((slice) => name(slice, slice.event_day))).toEqual([...groups.keys()]);
        for (const slice of slices) {
          const times = (groups.get(name(slice, slice.event_day)) ?? []).map(({ received_ms }) => received_ms);
          expect(slice).toMatchObject({
            accepted: times.length,
            imported: true,
            received_min_ms: Math.min(...times),
            received_max_ms: Math.max(...times),
            expires_ms: pack.expires_ms,
          });
        }
        const all = rows.map(({ received_ms }) => received_ms);
        expect(packRow).toMatchObject({ received_min_ms: Math.min(...all), received_max_ms: Math.max(...all) });
        for (const row of rows) expect(flagNames(row.flags)).toContain('IMPORTED');
      }),
      runs(100),
    );
  });
});
