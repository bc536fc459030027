import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memberText, scanJson, splitJsonArray } from '../../ingest/rules/json-scan.ts';
import { toRanges } from '../../ingest/rules/sequences.ts';
import {
  addTo,
  countFrom,
  countOver,
  createHistogram,
  decodeHistogram,
  encodeHistogram,
  isEdge,
  mergeInto,
  quantile,
} from '../../statistics/histogram.ts';
import { decodeEntries, encodeEntries, type SliceEntry } from './slice-codec.ts';

const lag = fc.oneof(
  fc.integer({ min: -3_000, max: 3_000 }),
  fc.integer({ min: -1e7, max: 1e9 }),
  fc.integer({ min: -1e13, max: 1e14 }),
);

function histogramOf(values: readonly number[]) {
  const histogram = createHistogram();
  for (const value of values) addTo(histogram, value);
  return histogram;
}

describe('a histogram', () => {
  it('gives each percentile within 1 %, and count, sum and extremes exactly', () => {
    fc.assert(
      fc.property(
        fc.array(lag, { minLength: 1, maxLength: 300 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, q) => {
          const histogram = histogramOf(values);
          const sorted = values.toSorted((a, b) => a - b);
          const exact = sorted[Math.max(1, Math.ceil(q * values.length)) - 1] as number;
          expect(Math.abs(quantile(histogram, q) - exact)).toBeLessThanOrEqual(Math.abs(exact) * 0.01);
          expect([histogram.count, histogram.min, histogram.max]).toEqual([values.length, sorted[0], sorted.at(-1)]);
          expect(histogram.sum).toBe(values.reduce((sum, value) => sum + value, 0));
        },
      ),
      runs(2_000),
    );
  });

  it('counts exactly above the common thresholds, and says whether other counts are exact', () => {
    const hours = [
      1_000,
      60_000,
      3_600_000,
      2 * 3_600_000,
      6 * 3_600_000,
      12 * 3_600_000,
      24 * 3_600_000,
      48 * 3_600_000,
      7 * 86_400_000,
      30 * 86_400_000,
    ];
    for (const threshold of hours) expect(isEdge(threshold)).toBe(true);
    fc.assert(
      fc.property(
        fc.array(lag, { maxLength: 200 }),
        fc.oneof(lag, fc.constantFrom(...hours, -300_000)),
        (values, threshold) => {
          const { count, exact } = countOver(histogramOf([...values, threshold]), threshold);
          const expected = values.filter((value) => value > threshold).length;
          if (exact) expect(count).toBe(expected);
          else expect(count).toBeLessThanOrEqual(expected);
        },
      ),
      runs(2_000),
    );
  });

  it('never counts too few values that are at least as large as a value', () => {
    fc.assert(
      fc.property(fc.array(lag, { maxLength: 50 }), lag, (others, own) => {
        const values = [...others, own];
        const smaller = values.length - countFrom(histogramOf(values), own);
        expect(smaller).toBeLessThanOrEqual(others.filter((value) => value < own).length);
        expect(countFrom(histogramOf([...values, own + 86_400_000 + Math.abs(own)]), own)).toBe(
          values.length - smaller + 1,
        );
      }),
      runs(100),
    );
  });

  it('survives encoding, and merging equals adding all values to one histogram', () => {
    fc.assert(
      fc.property(fc.array(lag), fc.array(lag), (a, b) => {
        const merged = decodeHistogram(encodeHistogram(histogramOf(a)));
        expect(merged).toEqual(histogramOf(a));
        mergeInto(merged, histogramOf(b));
        expect(merged).toEqual(histogramOf([...a, ...b]));
      }),
      runs(100),
    );
  });
});

const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const entry: fc.Arbitrary<Omit<SliceEntry, 'line'>> = fc.record({
  event_id: fc.stringMatching(/^[0-9a-v]{46}0$/),
  outcome: fc.constantFrom('ACCEPTED', 'DUPLICATE', 'CONFLICT'),
  event_ms: fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
  event_sub_ns: fc.integer({ min: 0, max: 999_999 }),
  received_ms: fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
  payload_hash: hex(64),
  sent_ms: fc.option(fc.integer({ min: 0, max: 2 ** 45 })),
  first_received_ms: fc.option(fc.integer({ min: 0, max: 2 ** 45 })),
});

it('the receipts of a slice survive encoding, including extreme times', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), (list) => {
      const entries = list.map((item, i) => ({ ...item, line: i * 3 }));
      expect(decodeEntries(encodeEntries(entries))).toEqual(entries);
    }),
    runs(100),
  );
  expect(() => decodeEntries(Uint8Array.of(9))).toThrow(RangeError);
  expect(() =>
    decodeEntries(encodeEntries([{ ...fc.sample(entry, 1)[0], line: 0 } as SliceEntry]).slice(0, -20)),
  ).toThrow(RangeError);
});

it('ranges cover exactly the numbers that they were built from', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 })), (numbers) => {
      const covered = toRanges(numbers).flatMap(([first, last]) =>
        Array.from({ length: last - first + 1 }, (_, i) => first + i),
      );
      expect(covered).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    }),
    runs(100),
  );
});

describe('a scan of JSON text', () => {
  const count = (value: unknown): number =>
    typeof value !== 'object' || value === null
      ? 0
      : Object.values(value).reduce<number>(
          (sum, item) => sum + count(item),
          Array.isArray(value) ? 0 : Object.keys(value).length,
        );
  const depth = (value: unknown): number =>
    typeof value !== 'object' || value === null ? 0 : 1 + Math.max(0, ...Object.values(value).map(depth));

  it('counts the members and the nesting of the parsed value, and splits an array where the parser does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' })),
        fc.constantFrom(undefined, 1, '\t'),
        (value, space) => {
          const text = JSON.stringify(value, null, space);
          expect(scanJson(text, 1_000)).toMatchObject({ members: count(value), depth: depth(value) });
          expect(splitJsonArray(text)?.map(([start, end]) => JSON.parse(text.slice(start, end)))).toEqual(
            JSON.parse(text),
          );
        },
      ),
      runs(1_000),
    );
    for (const text of ['[1,]', '[,1]', '[1,,2]', '[1', '[1]]', '[1] 2', '[}', '['])
      expect(splitJsonArray(text)).toBeNull();
  });

  it('finds the exact text of a member', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })),
        fc.constantFrom(undefined, 2),
        (value, space) => {
          const text = JSON.stringify(value, null, space);
          for (const name of Object.keys(value))
            expect(JSON.parse(memberText(text, name) ?? '')).toEqual(JSON.parse(JSON.stringify(value[name])));
          expect(memberText(text, 'there is no such name')).toBeNull();
        },
      ),
      runs(100),
    );
  });

  it('J6: detects exactly the integers that a double would change', () => {
    const inexact = (token: string) => scanJson(`{"n":${token}}`, 9).inexact_integers;
    for (const token of ['9007199254740993', '-9007199254740993', '12345678901234567168', '100000000000000000000001'])
      expect(inexact(token)).toBe(true);
    for (const token of ['9007199254740992', '12345678901234567000', '100000000000000000000', '1000000000000000000000'])
      expect(inexact(token)).toBe(false);
  });

  it('ends on any text, even malformed', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('"', '\\', '[', '{', ']', '}', ':', ',', '-', '1', 'e', ' ') }),
        (text) => {
          expect(scanJson(text, 10).depth).toBeLessThanOrEqual(11);
          splitJsonArray(text);
        },
      ),
      runs(100),
    );
  });
});
