import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { KeptPack } from '../../src/runtime/announcements.ts';
import { createPackLines, type PackToRead } from '../../src/tail/pack-lines.ts';
import { matchesIn, tailOf } from '../../src/tail/tail-page.ts';

const values = fc.constantFrom('a', 'a"b', 'a\\', 'zoë', '"entity_id":"a"', '😀', 'a,b');
const lines = fc.array(
  fc.record({
    entity: values,
    source: values,
    isRejected: fc.constantFrom(false, false, false, true),
    isNamed: fc.boolean(),
    isMapped: fc.constantFrom(false, false, false, true),
  }),
  { maxLength: 12 },
);

type Lines = typeof lines extends fc.Arbitrary<infer L> ? L : never;

/** Envelopes as a pack has them: those that a mapping read have members with the names of fields before the fields. */
function packOf(all: Lines): PackToRead & { readonly names: KeptPack['names'] } {
  const texts = all.map(({ entity, source, isRejected, isNamed, isMapped }, line) => {
    const record = { source, event_type: 't', entity_id: entity, event_time: '2026-01-01T00:00:00Z', payload: {} };
    const known = { event_id: 'e', reject_code: null, source, event_type: 't', entity_id: entity };
    const unknown = {
      event_id: null,
      reject_code: 'TIME_INVALID',
      source: isNamed ? source : null,
      event_type: null,
      entity_id: null,
    };
    return JSON.stringify({
      ...{ received_at: '2026-01-01T00:00:00.000000000Z', request_id: 'r', line, principal: null, imported: false },
      ...(isMapped && !isRejected ? { mapping: { name: 'none', around: { entity_id: 'b' } } } : {}),
      ...(isRejected ? unknown : known),
      body: JSON.stringify(record),
    });
  });
  const names = all.map(({ entity, source, isRejected, isNamed }) => ({
    source: isRejected && !isNamed ? null : source,
    event_type: isRejected ? null : 't',
    event: isRejected ? null : { entity_id: entity },
  }));
  return { text: Buffer.from(texts.map((text) => `${text}\n`).join('')), names };
}

describe('the lines of a pack', () => {
  it('by the value of a field are all that match, as without that', () => {
    const finds = fc.property(lines, values, fc.constantFrom('entity_id', 'source'), (all, value, field) => {
      const kept = packOf(all);
      const outcomes = 'A'.repeat(all.length);
      const pack = createPackLines(kept, outcomes);
      const where = `event_type != "x" and ${field} == ${JSON.stringify(value)}`;
      const tail = tailOf({ where, now: 0, time_zone: 'UTC' });
      expect(tail.named).toEqual({ field, value });
      const linesOf = (filter: typeof tail) => [...matchesIn(pack, filter)].map(({ envelope }) => envelope.line);
      expect(linesOf(tail)).toEqual(linesOf({ ...tail, anchor: null, named: null }));
      const stored = createPackLines({ ...kept, names: null }, outcomes);
      expect(linesOf(tail)).toEqual([...matchesIn(stored, tail)].map(({ envelope }) => envelope.line));
      const named = all.flatMap((one, line) => (one[field === 'source' ? 'source' : 'entity'] === value ? [line] : []));
      const unmapped = ({ isMapped, isRejected }: (typeof all)[number]) => !isMapped && !isRejected;
      expect(linesOf(tail)).toEqual(
        expect.arrayContaining(named.filter((line) => unmapped(all[line] as (typeof all)[number]))),
      );
    });
    fc.assert(finds, runs(2_000));
  });
});
