import { describe, expect, it } from 'vitest';

import { parsePointer, pointerText, readPointer, withoutPointer } from './json-pointer.ts';
import { volatileRules, withoutVolatile } from './volatile.ts';

const declared = { source: 'shop', event_type: 'paid', version: 1, paths: ['/attempt'] };

describe('a JSON pointer', () => {
  it('is parsed by RFC 6901, and written back', () => {
    for (const text of ['', '/', '/a~1b', '/m~0n', '/0/x', '/ '])
      expect(pointerText(parsePointer(text) ?? [])).toBe(text);
    for (const text of ['a', 'a/b', '/~', '/~2']) expect(parsePointer(text)).toBeNull();
    const value = { 'a/b': 1, 'm~n': [{ x: 2 }], '': 3 };
    const at = (text: string) => readPointer(value, parsePointer(text) ?? []);
    expect([at('/a~1b'), at('/m~0n/0/x'), at('/'), at('/none'), at('/m~0n/length'), at('/m~0n/01')]).toEqual([
      1,
      2,
      3,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('leaves out the named members, and changes nothing in place', () => {
    const value = Object.freeze({ a: Object.freeze([Object.freeze({ x: 1, y: 2 }), 5]), b: 1 });
    const without = (text: string) => withoutPointer(value, parsePointer(text) ?? []);
    expect(without('/a/*/x')).toEqual({ a: [{ y: 2 }, 5], b: 1 });
    expect(without('/a/0/x')).toEqual({ a: [{ y: 2 }, 5], b: 1 });
    expect(without('/a/1')).toEqual({ a: [{ x: 1, y: 2 }], b: 1 });
    expect(without('/a')).toEqual({ b: 1 });
    for (const text of ['/a/2', '/a/*/z', '/c', '/b/x', '/*/x', '/a/-']) expect(without(text)).toBe(value);
    const odd = JSON.parse('{"__proto__":{"x":1,"y":2}}') as object;
    expect(JSON.stringify(withoutPointer(odd, ['__proto__', 'x']))).toBe('{"__proto__":{"y":2}}');
  });
});

describe('a declaration of volatile members', () => {
  it('is found by source and type', () => {
    const of = volatileRules([declared, { ...declared, event_type: 'refunded', paths: ['/sent', '/sig'] }]);
    expect(of('shop', 'paid')).toEqual({ version: 1, paths: ['/attempt'] });
    expect(of('shop', 'refunded')?.paths).toEqual(['/sent', '/sig']);
    expect([of('shop', 'other'), of('other', 'paid')]).toEqual([null, null]);
    expect(withoutVolatile({ attempt: 2, id: 7 }, of('shop', 'paid'))).toEqual({ id: 7 });
  });

  it.each([
    [{ ...declared, paths: ['attempt'] }, 'not a JSON pointer'],
    [{ ...declared, paths: [''] }, 'not a JSON pointer'],
    [{ ...declared, paths: [] }, 'paths'],
    [{ ...declared, version: 0 }, 'version'],
    [{ ...declared, source: '' }, 'source'],
    [{ ...declared, event_type: undefined }, 'event_type'],
    [{ ...declared, path: ['/a'] }, 'unknown field path'],
    [{ ...declared, paths: Array.from({ length: 17 }, (_, i) => `/p${i}`) }, 'more than 16'],
    [{ ...declared, paths: [`/${'x'.repeat(200)}`] }, 'more than 200'],
    [null, 'object'],
  ])('is refused with its reason: %j', (one, reason) => {
    expect(() => volatileRules([declared, one as typeof declared])).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(reason),
        path: '/volatile/1',
      }),
    );
  });

  it('is refused if two are about the same events', () => {
    expect(() => volatileRules([declared, declared])).toThrow('second time');
  });
});
