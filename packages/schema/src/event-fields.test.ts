import { describe, expect, it } from 'vitest';

import { wireEventSchema } from './event.ts';
import { EVENT_FIELDS, nearestName, unknownFieldsHint } from './event-fields.ts';

describe('the fields of an event', () => {
  it('are those of its schema', () => {
    expect([...EVENT_FIELDS].sort()).toEqual(Object.keys(wireEventSchema.shape).sort());
  });

  it.each([
    ['idempotncy_key', 'idempotency_key'],
    ['entityId', 'entity_id'],
    ['event-time', 'event_time'],
    ['EVENT_TYPE', 'event_type'],
    ['paylaod', 'payload'],
    ['sourc', 'source'],
    ['entity', 'entity_id'],
    ['colour', null],
    ['id', null],
    ['x'.repeat(1_000), null],
  ])('are guessed from %s as %s', (name, nearest) => {
    expect(nearestName(name, EVENT_FIELDS)).toBe(nearest);
  });

  it('are named in a hint of bounded length, whatever the names of the members', () => {
    expect(unknownFieldsHint(['idempotncy_key'])).toContain('did you mean idempotency_key?');
    const long = Array.from({ length: 1_000 }, (_, i) => `${'y'.repeat(500)}\ud83d\ude00${i}`);
    const hint = unknownFieldsHint(long);
    expect(hint.length).toBeLessThan(400);
    expect(hint).toContain('and 997 more');
    expect(hint.isWellFormed()).toBe(true);
  });
});
