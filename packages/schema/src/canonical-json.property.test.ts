import { runs } from '@pik/testkit/budget';
import reference from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import golden from '../vectors/canonical.json' with { type: 'json' };
import { canonicalize, canonicalizeCounted, canonicalizeLive, countMembers } from './canonical-json.ts';
import { stringifyLive } from './live-json.ts';
import { sha256Hex } from './sha256.ts';

// G12. Covers three faults: a text that differs from a second implementation, a text with another value, and two texts
// for one value.

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
      runs(3_000),
    );
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        (value) => void expect(canonicalize([value])).toBe(reference([value])),
      ),
      runs(3_000),
    );
  });

  it('means the same value, and does not depend on the order of keys', () => {
    fc.assert(
      fc.property(json, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (value, random) => {
        const text = canonicalize(value);
        expect(canonicalize(JSON.parse(text))).toBe(text);
        expect(canonicalize(shuffled(value, () => random.next().value ?? 0))).toBe(text);
      }),
      runs(100),
    );
  });

  it('counts each member once', () => {
    fc.assert(
      fc.property(json, (value) => void expect(canonicalizeCounted(value).members).toBe(countMembers(value))),
      runs(100),
    );
    expect(countMembers({ a: { b: 1 }, c: [{ d: 2 }, 3] })).toBe(4);
  });
});

/** A value of a program: JSON, and the types that only programs have. */
const live = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    json,
    fc.constantFrom(
      undefined,
      () => 1,
      Symbol('s'),
      -0,
      new Date(0),
      new Number(7),
      new String('s'),
      Object.create(null),
    ),
    fc.date({ noInvalidDate: true }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 3, unit: 'grapheme' }), tie('value'), { maxKeys: 5 }),
    tie('value').map((inner) => ({ toJSON: () => inner })),
    tie('value').map((inner) => Object.assign(Object.create({ inherited: 1 }), { inner })),
  ),
})).value;

/** The result of a writer, or the code and place of its refusal. */
function outcomeOf(write: () => string): unknown {
  try {
    return write();
  } catch (error) {
    const { code, path } = error as { code: string; path: string };
    return { code, path };
  }
}

describe('J20: the canonical form of a value of a program', () => {
  it('equals the result of JSON.stringify', () => {
    fc.assert(
      fc.property(live, (value) => {
        const text = JSON.stringify(value);
        // A value without a JSON text, such as undefined alone, is not a payload either.
        fc.pre(text !== undefined && !/\\ud[89a-f]/.test(text));
        expect(canonicalizeLive(value)).toBe(reference(JSON.parse(text)));
      }),
      runs(3_000),
    );
  });

  it('is that of its text with the members in their own order, which is equally long', () => {
    fc.assert(
      fc.property(live, (value) => {
        fc.pre(JSON.stringify(value) !== undefined);
        const canonical = outcomeOf(() => canonicalizeLive(value));
        const text = outcomeOf(() => stringifyLive(value));
        if (typeof canonical !== 'string') expect(text).toEqual(canonical);
        else
          expect([canonicalize(JSON.parse(String(text))), String(text).length]).toEqual([canonical, canonical.length]);
      }),
      runs(3_000),
    );
  });

  it('is the same from the fast and from the full writer', () => {
    const careful = (value: unknown) => canonicalizeLive(Object.assign(Object.create({}), { value }));
    fc.assert(
      fc.property(json, (value) => void expect(careful(value)).toBe(canonicalize({ value }))),
      runs(100),
    );
  });

  it('does not depend on which objects were written before', () => {
    for (let n = 0; n < 3_000; n++) {
      const value = { a: 1, [`k${n % 1_500}`]: n, [`j${n}`]: [], b: {} };
      expect(canonicalizeLive(value)).toBe(reference(value));
    }
  });

  it.each([
    [{ a: [1, Number.NaN] }, 'NUMBER_OUT_OF_RANGE', '/a/1'],
    [{ a: new Map([[1, 2]]) }, 'EVENT_NOT_SERIALIZABLE', '/a'],
    [{ a: { b: new Set([1]) } }, 'EVENT_NOT_SERIALIZABLE', '/a/b'],
    [{ a: new Error('e') }, 'EVENT_NOT_SERIALIZABLE', '/a'],
    [{ a: new Uint8Array(3) }, 'EVENT_NOT_SERIALIZABLE', '/a'],
    [{ a: Promise.resolve(1) }, 'EVENT_NOT_SERIALIZABLE', '/a'],
    [{ a: new Date(Number.NaN) }, 'EVENT_NOT_SERIALIZABLE', '/a'],
    [{ a: 1n }, 'EVENT_NOT_SERIALIZABLE', '/a'],
    [{ a: { toJSON: () => '\ud800' } }, 'LONE_SURROGATE', '/a'],
  ])('is refused with its place if JSON.stringify would change it silently: %o', (value, code, path) => {
    for (const write of [canonicalizeLive, stringifyLive])
      expect(() => write(value)).toThrow(expect.objectContaining({ code, path }));
  });
});

describe('a value without a canonical form', () => {
  it.each([
    [{ a: { 'b/c': ['\ud800'] } }, 'LONE_SURROGATE', '/a/b~1c/0'],
    [{ '\udfff': 1 }, 'LONE_SURROGATE', '/\ufffd'],
    [{ a: Number.POSITIVE_INFINITY }, 'NUMBER_OUT_OF_RANGE', '/a'],
    [[Number.NaN], 'NUMBER_OUT_OF_RANGE', '/0'],
    [{ a: undefined }, 'EVENT_NOT_SERIALIZABLE', '/a'],
  ])('is refused with its reason and place: %o', (value, code, path) => {
    expect(() => canonicalize(value)).toThrow(expect.objectContaining({ code, path }));
  });

  it('is refused if it is infinitely deep', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    expect(() => canonicalize(cyclic)).toThrow(expect.objectContaining({ code: 'JSON_TOO_DEEP' }));
  });
});
