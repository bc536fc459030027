import { LIMITS } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fitsUtf8, type RawRecord, splitBody } from './record-split.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const lines = (text: string) => splitBody(bytes(text), 'ndjson').records;
const texts = (records: readonly RawRecord[]) => records.map((record) => ('text' in record ? record.text : null));
const notUtf8 = (before = '', after = '') => Buffer.concat([bytes(before), Buffer.of(0xff), bytes(after)]);
const code = (of: string) => expect.objectContaining({ code: of });

describe('lines', () => {
  it('end at a line feed, with or without a return before it, and lose nothing else', () => {
    expect(texts(lines('{"a":1}\n{"b":2}\r\n{"c":3}'))).toEqual(['{"a":1}', '{"b":2}', '{"c":3}']);
    expect(texts(lines('{"a":1}\u2028\u0085\v\f\r{"b":2}\n'))).toEqual(['{"a":1}\u2028\u0085\v\f\r{"b":2}']);
    expect(texts(lines(' {"a":1} \r\r\n'))).toEqual([' {"a":1} \r']);
    expect(texts(lines('\ufeff{"a":1}\nx'))).toEqual(['\ufeff{"a":1}', 'x']);
  });

  it('that are blank are skipped', () => {
    expect(lines('\n \n\t\r\n\r\n\r\r\n   ')).toEqual([]);
    expect(texts(lines('\n\n{"a":1}\n\n'))).toEqual(['{"a":1}']);
    expect(texts(lines('\u00a0\n'))).toEqual(['\u00a0']);
    expect(lines('')).toEqual([]);
  });

  it('that are not UTF-8 do not affect other lines, and keep their bytes', () => {
    const body = Buffer.concat([bytes('{"é":1}\r\n\n \n'), notUtf8('x', '\r'), bytes('\n{"b":2}')]);
    expect(splitBody(body, 'ndjson')).toEqual({
      records: [{ text: '{"é":1}' }, { bytes: notUtf8('x') }, { text: '{"b":2}' }],
      single: false,
      unreadable: false,
    });
  });

  it('are the same whether the rest of the body is UTF-8 or not', () => {
    const line = fc.string({ unit: fc.constantFrom('a', ' ', '\r', '{', 'é', '\t', '\u{1f600}'), maxLength: 6 });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (parts) => {
        const text = parts.join('\n');
        const mixed = splitBody(Buffer.concat([bytes(`${text}\n`), notUtf8()]), 'ndjson').records;
        expect(mixed.slice(0, -1)).toEqual(lines(`${text}\n`));
        expect(mixed.at(-1)).toEqual({ bytes: notUtf8() });
      }),
      runs(100),
    );
  });
});

describe('a JSON body', () => {
  const json = (text: string) => splitBody(bytes(text), 'json');

  it('is one record, or a list of them without the white space around each', () => {
    expect(json('{"a":[1]}')).toEqual({ records: [{ text: '{"a":[1]}' }], single: true, unreadable: false });
    expect(json(' \t\r\n[ {"a":1} ,\n[2] ] ')).toEqual({
      records: [{ text: '{"a":1}' }, { text: '[2]' }],
      single: false,
      unreadable: false,
    });
    expect(json('[]')).toEqual({ records: [], single: false, unreadable: false });
    expect(json('x [1]')).toEqual({ records: [{ text: 'x [1]' }], single: true, unreadable: false });
  });

  it('that cannot be split is one record with the whole body', () => {
    expect(json('[{"a":1}')).toEqual({ records: [{ text: '[{"a":1}' }], single: true, unreadable: true });
    expect(splitBody(notUtf8('[', ']'), 'json')).toEqual({
      records: [{ bytes: notUtf8('[', ']') }],
      single: true,
      unreadable: true,
    });
  });
});

describe('G19: the limits of a body', () => {
  it('records: accepted up to the limit, refused one beyond it', () => {
    const max = LIMITS.events_per_request_max;
    expect(lines('1\n'.repeat(max))).toHaveLength(max);
    expect(() => lines('1\n'.repeat(max + 1))).toThrow(
      expect.objectContaining({ code: 'TOO_MANY_EVENTS', message: `${max + 1} records; at most ${max}` }),
    );
    expect(lines(`${'\n'.repeat(max)}1`)).toHaveLength(1);
  });

  it.each([
    ['ASCII', 'x'],
    ['two bytes each', 'é'],
    ['three bytes each', '\u20ac'],
    ['four bytes each', '\u{1f600}'],
  ])('bytes of a record: accepted up to the limit, refused one beyond it (%s)', (_, unit) => {
    const max = LIMITS.event_bytes_max;
    const size = Buffer.byteLength(unit);
    const full = unit.repeat(Math.floor(max / size)) + 'x'.repeat(max % size);
    expect(lines(`1\n${full}`)).toHaveLength(2);
    expect(() => lines(`1\n${full}x`)).toThrow(
      expect.objectContaining({ code: 'EVENT_TOO_LARGE', path: '/1', message: expect.stringContaining(`${max}`) }),
    );
  });

  it('bytes of a record that is not UTF-8', () => {
    const max = LIMITS.event_bytes_max;
    expect(splitBody(notUtf8('x'.repeat(max - 1)), 'ndjson').records).toHaveLength(1);
    expect(() => splitBody(notUtf8('x'.repeat(max)), 'ndjson')).toThrow(code('EVENT_TOO_LARGE'));
  });

  it('a text fits exactly if its UTF-8 form fits', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '\u20ac', '\u{1f600}'), maxLength: 12 });
    fc.assert(
      fc.property(text, fc.nat(40), (one, max) => {
        expect(fitsUtf8(one, max)).toBe(Buffer.byteLength(one) <= max);
      }),
      runs(100),
    );
    expect(fitsUtf8('\u20ac\u20ac', 6)).toBe(true);
    expect(fitsUtf8('\u20ac\u20ac', 5)).toBe(false);
  });
});
