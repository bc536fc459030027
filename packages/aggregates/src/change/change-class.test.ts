import type { ChangeClass, ChangeSide } from '@pik/schema';
import { describe, expect, it } from 'vitest';
import { differenceWeights } from './change-classes.ts';
import { classifyInput, type Difference, storedAt } from './change-diff.ts';

// The class of an input at the bounds: to the instant of the as-of, of the window's end, and of storing.

const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';
const AS_OF = '2025-12-28T20:00:00.000000000Z';
const NOON = '2025-12-28T12:00:00.000000000Z';
const END = '2025-12-29T00:00:00.000000000Z';

const input = (event_time: string, received_at: string, line = 0) => ({
  ...{ event_id: `id${line}`, payload_hash: '', event_time, received_at, pack_id: PACK, line },
});
const STORED = storedAt(input(NOON, NOON));
const shifted = (ms: number) => new Date(Date.parse(STORED) + ms).toISOString().replace('Z', '000000Z');

function sides(before: Partial<ChangeSide> = {}, after: Partial<ChangeSide> = {}) {
  const both: ChangeSide = {
    ...{ kind: 'VERSION', version: 1, value: 1, input_count: 1, inputs_hash: null, definition_version: 1 },
    ...{ definition_hash: 'hash', time_zone: 'UTC', window_start: '2025-12-28T00:00:00.000000000Z', window_end: END },
    ...{ as_of: AS_OF, computed_at: null, unsettled: false },
  };
  return { before: { ...both, ...before }, after: { ...both, ...after } };
}

type Facts = Pick<Difference['facts'], 'imported' | 'present'>;

function classOf(where: Difference['side'], at: ReturnType<typeof input>, known: Facts, asked = sides()): ChangeClass {
  const facts = { source: null, event_type: null, entity_id: null, fields: null, ...known };
  return classifyInput({ side: where, input: at, facts }, asked);
}

const live = { imported: false, present: true };
const imported = { imported: true, present: true };

describe('the class of an input that came', () => {
  it('changes with the instant after the first as-of, and with the end of the window', () => {
    const came = (received_at: string) => classOf('CAME', input(NOON, received_at), live);
    expect(came(AS_OF)).toBe('NEWLY_PROCESSED');
    expect(came('2025-12-28T20:00:00.001000000Z')).toBe('ON_TIME');
    expect(came('2025-12-28T23:59:59.999000000Z')).toBe('ON_TIME');
    expect(came(END)).toBe('LATE');
  });

  it('is IMPORTED from the millisecond in which the first version was computed, and only for an import', () => {
    const came = (facts: Facts, computed_at: string | null) =>
      classOf('CAME', input(NOON, NOON), facts, sides({ computed_at }));
    expect(came(imported, shifted(-1))).toBe('IMPORTED');
    expect(came(imported, STORED)).toBe('IMPORTED');
    expect(came(imported, shifted(1))).toBe('NEWLY_PROCESSED');
    expect(came(imported, null)).toBe('NEWLY_PROCESSED');
    expect(came(live, shifted(-1))).toBe('NEWLY_PROCESSED');
    expect(came({ imported: null, present: null }, shifted(-1))).toBe('UNEXPLAINED');
  });

  it('is DEFINITION if the first window does not contain it', () => {
    expect(classOf('CAME', input(END, END), live)).toBe('DEFINITION');
    expect(classOf('CAME', input('2025-12-27T23:59:59.999999999Z', END), live)).toBe('DEFINITION');
  });
});

describe('the class of an input that went', () => {
  it('is EXPIRED only if that is stored, and DEFINITION if the definition or its window differs', () => {
    const went = (present: boolean | null, after: Partial<ChangeSide> = {}) =>
      classOf('WENT', input(NOON, NOON), { imported: false, present }, sides({}, after));
    expect(went(false)).toBe('EXPIRED');
    expect([went(true), went(null)]).toEqual(['UNEXPLAINED', 'UNEXPLAINED']);
    expect([went(true, { definition_hash: 'x' }), went(null, { definition_hash: 'x' })]).toEqual([
      'DEFINITION',
      'DEFINITION',
    ]);
    expect(went(false, { definition_hash: 'x' })).toBe('EXPIRED');
    expect(went(false, { window_end: NOON })).toBe('DEFINITION');
  });
});

describe('a unit’s part', () => {
  it('counts under the latest received of its events in the class', () => {
    const received = ['2025-12-29T03', '2025-12-29T09', '2025-12-29T01'];
    const differences = received.map((hour, line): Difference => {
      const facts = { source: `s${line}`, event_type: 't', entity_id: 'e', fields: null, ...live };
      return { side: 'CAME', class: 'LATE', input: input(NOON, `${hour}:00:00.000000000Z`, line), facts };
    });
    const parts = new Map<ChangeClass, number>([['LATE', 1]]);
    const unit = { unit: 'e', kind: 'CAME' as const, before: 0, after: 1, parts, differences };
    const attributed = {
      method: 'UNIT' as const,
      parts,
      units: [unit],
      contributions: new Map(),
      deciders: null,
      why_not: null,
    };
    const weights = differenceWeights(differences, attributed);
    expect([...weights].map(([{ facts }, part]) => [facts.source, part])).toEqual([['s1', 1]]);
  });
});
