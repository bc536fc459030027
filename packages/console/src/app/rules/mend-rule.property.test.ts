import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type MendRule, mendedText } from './mend-rule.ts';

const mended = (text: string, rule: Partial<MendRule>) =>
  mendedText(text, { change: 'append', path: '/event_time', value: 'Z', ...rule });
const record = '{ "event_time":"2026-03-11T02:05:00",\t"payload":{"n":1.50,"big":9007199254740993,"a/b":[{"t":"7"}]} }';

describe('a rule', () => {
  it('changes one value and keeps every other byte', () => {
    expect(mended(record, {})).toEqual({ text: record.replace('02:05:00"', '02:05:00Z"') });
    expect(mended(record, { change: 's', path: '/payload/a~1b/0/t' })).toEqual({
      text: record.replace('"7"', '"1970-01-01T00:00:07.000Z"'),
    });
    expect(mended(record, { change: 'ms', path: '/payload/n' })).toEqual({
      text: record.replace('1.50', '"1970-01-01T00:00:00.001Z"'),
    });
    expect(mended(record, { change: 'rename', path: '/payload/n', value: 'm"' })).toEqual({
      text: record.replace('"n"', '"m\\""'),
    });
    expect(mended(record, { change: 'none' })).toEqual({ text: record });
  });

  it('sets a value, as JSON or as a text, also where there is none', () => {
    expect(mended('{"a":{}}', { change: 'set', path: '/a/b', value: '7' })).toEqual({ text: '{"a":{"b":7}}' });
    expect(mended('{"a":1}', { change: 'set', path: '/source', value: 'till' })).toEqual({
      text: '{"source":"till","a":1}',
    });
    expect(mended('{"a":1}', { change: 'set', path: '/a', value: '{"b":[]}' })).toEqual({ text: '{"a":{"b":[]}}' });
  });

  it('says why it cannot mend a record', () => {
    for (const [text, rule, why] of [
      ['{"event_time"', {}, 'the record is not JSON'],
      ['{}', {}, 'the record has no /event_time'],
      ['{"event_time":5}', {}, 'is not a text'],
      ['{"event_time":"x"}', { change: 'ms' }, 'is not a time'],
      ['{"event_time":null}', { change: 's' }, 'is not a time'],
      ['[1]', { change: 'rename', path: '/0' }, 'has no name'],
      ['{}', { path: 'event_time' }, 'is not a path'],
      ['[]', { change: 'set', path: '/a/b' }, 'the record has no object'],
    ] as const)
      expect(mended(text, rule)).toEqual({ why: expect.stringContaining(why) });
  });

  it('sets any value at any path of any record, and no other', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }),
        fc.jsonValue(),
        fc.nat(),
        fc.constantFrom('', ' ', '\n\t'),
        (object, value, pick, space) => {
          const keys = Object.keys(object);
          const key = keys[pick % keys.length] ?? '';
          const path = `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
          const text = JSON.stringify(object, null, space);
          const answer = mended(text, { change: 'set', path, value: JSON.stringify(value) });
          expect('text' in answer && JSON.parse(answer.text)).toEqual(
            JSON.parse(JSON.stringify({ ...object, [key]: value })),
          );
        },
      ),
      runs(2_000),
    );
  });
});
