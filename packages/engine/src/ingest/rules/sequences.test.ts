import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { ParsedRecord } from './parse-record.ts';
import { sequenceRows, toRanges } from './sequences.ts';

const pack = { pack_id: 'p', expires_ms: 9 };
const parsed = (producer: ParsedRecord['producer'], received_ms = 1, imported = false): ParsedRecord => ({
  record: { text: '' },
  imported,
  event: null,
  fault: null,
  source: null,
  event_type: null,
  entity_id: null,
  producer,
  received_ms,
});

describe('the sequence numbers of a pack', () => {
  it('are kept per producer, regardless of outcomes, with the receive times of their requests', () => {
    const records = [
      parsed({ id: 'a', seq: 3 }, 5),
      parsed(null),
      parsed({ id: 'b', seq: 7 }, 6),
      parsed({ id: 'a', seq: 1 }, 5),
      parsed({ id: 'a', seq: 2 }, 8),
      parsed({ id: 'a', seq: 10 }, 4),
    ];
    const [a, b] = sequenceRows(records, pack);
    expect(a).toMatchObject({
      received_ms: 4,
      ranges: [
        [10, 10],
        [1, 1, 1],
        [3, 3, 1],
        [2, 2, 4],
      ],
    });
    expect(b).toMatchObject({ received_ms: 6, ranges: [[7, 7]] });
  });

  it('of an import count as received with the first one of their producer', () => {
    const records = [
      parsed({ id: 'a', seq: 3 }, 5, true),
      parsed(null),
      parsed({ id: 'b', seq: 7 }, 6, true),
      parsed({ id: 'a', seq: 1 }, 4, true),
      parsed({ id: 'a', seq: 2 }, 7, true),
      parsed({ id: 'a', seq: 10 }, 8, true),
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
