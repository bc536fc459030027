import { STATUSES } from '@pik/schema/events';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readResults } from './results.ts';

const eventId = fc.string({
  unit: fc.constantFrom(...'0123456789abcdefghijklmnopqrstuv'),
  minLength: 47,
  maxLength: 47,
});
const whole = fc.oneof(fc.nat(50), fc.integer({ min: -9_999, max: 9_999 }), fc.maxSafeInteger());
const rawKey = fc.oneof(fc.constant('raw/v1/a.ndjson.gz'), fc.constantFrom('raw/v1/b.ndjson.gz', 'a"b', '\\', '', 'é'));
const usual = fc.record({ lag_ms: whole, raw_key: rawKey, line: whole });
const more = fc.oneof(
  { weight: 8, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.record({ status: fc.constantFrom(...STATUSES, 'NEW_ONE') }) },
  { weight: 1, arbitrary: fc.record({ event_id: fc.constantFrom(null, 'other') }) },
  { weight: 1, arbitrary: fc.record({ flags: fc.constant(['LATE']) }) },
  { weight: 1, arbitrary: fc.record({ lag_ms: fc.constantFrom(0.5, 1e21, null) }) },
);
const answer = fc.array(fc.tuple(eventId, usual, more), { maxLength: 8 }).map((records) => ({
  ids: records.map(([id]) => id),
  text: JSON.stringify({
    results: records.map(([event_id, one, other]) => ({ event_id, status: 'ACCEPTED', ...one, ...other })),
    counts: {},
  }),
}));

/** A leading blank does not change a response, but our backend never writes one, so the parser reads it. */
const parsed = (text: string, ids: readonly (string | null)[]) => readResults(` ${text}`, ids);

describe('the response to a batch', () => {
  it('H11: is read in place exactly as by the parser', () => {
    fc.assert(
      fc.property(answer, ({ ids, text }) => {
        expect(readResults(text, ids)).toEqual(parsed(text, ids));
      }),
      runs(100),
    );
  });

  it('H11: is read the same when parts were changed, cut or doubled in transit, and when other records were sent', () => {
    const change = fc.record({
      at: fc.nat(),
      to: fc.constantFrom('', '0', '-', '9', ',', ']', '}', '"', ' ', '{', 'é'),
    });
    const ids = fc.array(fc.oneof(eventId, fc.constant(null)), { maxLength: 2 });
    fc.assert(
      fc.property(answer, fc.array(change, { maxLength: 3 }), ids, (given, changes, others) => {
        let { text } = given;
        for (const { at, to } of changes)
          text = text.slice(0, at % text.length) + to + text.slice((at % text.length) + 1);
        for (const sent of [given.ids, [...given.ids, ...others], others, given.ids.slice(1)])
          expect(readResults(text, sent)).toEqual(parsed(text, sent));
      }),
      runs(2_000),
    );
  });

  it('names a record by its id and no other', () => {
    const id = '0'.repeat(47);
    const of = (event_id: string) =>
      JSON.stringify({ results: [{ event_id, status: 'ACCEPTED', lag_ms: 1, raw_key: 'k', line: 0 }], counts: {} });
    expect(readResults(of(id), [id])).toEqual([{ event_id: id, status: 'ACCEPTED', lag_ms: 1, raw_key: 'k', line: 0 }]);
    expect(readResults(of('1'.repeat(47)), [id])).toEqual([null]);
    expect(readResults(of(id), [id, id])).toEqual([expect.anything(), null]);
    expect(readResults('<html>', [id])).toEqual([]);
  });

  /** Numbers that a backend may write; the parser decides what each is. */
  it.each([
    '0',
    '-1',
    '-0',
    '1.0',
    '1.5',
    '1e3',
    '1E3',
    '1e400',
    '01',
    '+1',
    ' 1',
    '1 ',
    '0x10',
    '',
    '-',
    '9007199254740991',
    '-9007199254740991',
    '9007199254740992',
    '9007199254740993',
    '123456789012345678901234567890',
    'null',
    '"1"',
    'true',
    'NaN',
    'Infinity',
  ])('H11: is read in place exactly as by the parser, with the number %j', (number) => {
    const id = '0'.repeat(47);
    const one = (lag: string, line: string) =>
      `{"event_id":"${id}","status":"ACCEPTED","lag_ms":${lag},"raw_key":"k","line":${line}}`;
    for (const records of [
      [one(number, '0')],
      [one('0', number)],
      [one('0', '0'), one(number, '1')],
      [one('0', '0'), one('1', number)],
    ]) {
      const text = `{"results":[${records.join(',')}],"counts":{}}`;
      const ids = records.map(() => id);
      const found = readResults(text, ids);
      const expected = parsed(text, ids);
      expect(found).toEqual(expected);
      // Equal numbers can still differ: 0 and -0.
      for (const [i, result] of found.entries())
        expect(Object.is(result?.lag_ms, expected[i]?.lag_ms) && Object.is(result?.line, expected[i]?.line)).toBe(true);
    }
  });
});
