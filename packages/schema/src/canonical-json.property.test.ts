import reference from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import golden from '../vectors/canonical.json' with { type: 'json' };
import { canonicalize, canonicalizeCounted, countMembers } from './canonical-json.ts';
import { sha256Hex } from './sha256.ts';

// G12. Three ways of being wrong are covered: another text than a second implementation gives, a text that does not mean
// the same value, and two texts for one value.

const json = fc.jsonValue({ maxDepth: 5, stringUnit: 'binary' });
const shuffled = (value: unknown, order: () => number): unknown => {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, order));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, shuffled(item, order)] as const);
  return Object.fromEntries(entries.sort(() => order() - 0.5));
};

describe('the canonical form', () => {
  it('is the one of the golden vectors', () => {
    for (const { text, canonical, sha256 } of golden.vectors) {
      expect(canonicalize(JSON.parse(text))).toBe(canonical);
      expect(sha256Hex(canonical)).toBe(sha256);
    }
  });

  it('equals that of a second implementation', () => {
    fc.assert(
      fc.property(json, (value) => void expect(canonicalize(value)).toBe(reference(value))),
      { numRuns: 3_000 },
    );
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        (value) => void expect(canonicalize([value])).toBe(reference([value])),
      ),
      { numRuns: 3_000 },
    );
  });

  it('means the same value, and does not depend on the order of keys', () => {
    fc.assert(
      fc.property(json, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (value, random) => {
        const text = canonicalize(value);
        expect(canonicalize(JSON.parse(text))).toBe(text);
        expect(canonicalize(shuffled(value, () => random.next().value ?? 0))).toBe(text);
      }),
    );
  });

  it('counts each member once', () => {
    fc.assert(fc.property(json, (value) => void expect(canonicalizeCounted(value).members).toBe(countMembers(value))));
    expect(countMembers({ a: { b: 1 }, c: [{ d: 2 }, 3] })).toBe(4);
  });
});

describe('what has no canonical form', () => {
  it.each([
    [{ a: { 'b/c': ['\ud800'] } }, 'LONE_SURROGATE', '/a/b~1c/0'],
    [{ '\udfff': 1 }, 'LONE_SURROGATE', '/\ufffd'],
    [{ a: Number.POSITIVE_INFINITY }, 'NUMBER_OUT_OF_RANGE', '/a'],
    [[Number.NaN], 'NUMBER_OUT_OF_RANGE', '/0'],
    [{ a: undefined }, 'EVENT_NOT_SERIALIZABLE', '/a'],
  ])('is refused with its reason and place: %o', (value, code, path) => {
    expect(() => canonicalize(value)).toThrow(expect.objectContaining({ code, path }));
  });

  it('is refused where it has no end', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    expect(() => canonicalize(cyclic)).toThrow(expect.objectContaining({ code: 'JSON_TOO_DEEP' }));
  });
});
