import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { ParsedRecord } from './parse-record.ts';
import { sequenceRows, toRanges } from './sequences.ts';

const pack = { pack_id: 'p', expires_ms: 9 };
const parsed = (producer: ParsedRecord['producer'], received_ms = 1): ParsedRecord => ({
  record: { text: '' },
  imported: false,
  event: null,
  fault: null,
  source: null,
  event_type: null,
  entity_id: null,
  producer,
  received_ms,
});

describe('the sequence numbers of a request', () => {
  it('are kept per producer, regardless of outcomes, with the first receive time', () => {
    const records = [
      parsed({ id: 'a', seq: 3 }, 5),
      parsed(null),
      parsed({ id: 'b', seq: 7 }, 6),
      parsed({ id: 'a', seq: 1 }, 4),
      parsed({ id: 'a', seq: 2 }, 7),
      parsed({ id: 'a', seq: 10 }, 8),
    ];
    expect(sequenceRows(records, pack)).toEqual([
      {
        producer_id: 'a',
        pack_id: 'p',
        ranges: [
          [1, 3],
          [10, 10],
        ],
        received_ms: 5,
        expires_ms: 9,
      },
      { producer_id: 'b', pack_id: 'p', ranges: [[7, 7]], received_ms: 6, expires_ms: 9 },
    ]);
    expect(sequenceRows([parsed(null)], pack)).toEqual([]);
  });

  it('are covered exactly by ascending ranges that never touch', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 })), (numbers) => {
        const before = [...numbers];
        const ranges = toRanges(numbers);
        expect(numbers).toEqual(before);
        const covered = ranges.flatMap(([first, last]) =>
          Array.from({ length: last - first + 1 }, (_, n) => first + n),
        );
        expect(covered).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
        for (const [i, [first]] of ranges.entries())
          if (i > 0) expect(first).toBeGreaterThan((ranges[i - 1]?.[1] ?? 0) + 1);
      }),
      runs(100),
    );
  });
});
