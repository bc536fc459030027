import { makeEventRow } from '@pik/testkit';
import { describe, expect, it } from 'vitest';
import type { EventRow } from '../../ports/rows.ts';
import { addTo, createHistogram, encodeHistogram } from '../../statistics/histogram.ts';
import { decodeEntries } from '../../storage/rules/slice-codec.ts';
import { reclassifySlice, sliceRows } from './slices.ts';

const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';
const OTHER = '01890a5d-ac95-774b-bcce-b302099a8057';
const EVENT = Date.UTC(2026, 0, 30, 10);
const pack = { pack_id: PACK, imported: false, expires_ms: EVENT + 1 };

const histogram = (...values: number[]) => {
  const filled = createHistogram();
  for (const value of values) addTo(filled, value);
  return encodeHistogram(filled);
};
const rowAt = (line: number, received_ms: number): EventRow =>
  makeEventRow(PACK, { line, rule: 'key', key: `${line}`, event_ms: EVENT, received_ms });
const accepted = { status: 'ACCEPTED', flags: 0, first: null, currentFirst: null } as const;
const repeatOf = (first: EventRow) => ({ status: 'DUPLICATE', flags: 0, first, currentFirst: first }) as const;

const rows = [rowAt(0, EVENT + 5_000), rowAt(1, EVENT + 70_000), rowAt(2, EVENT + 70_000)] as const;
const first = { ...rows[1], pack_id: OTHER, received_ms: EVENT + 10_000 };
const make = () =>
  sliceRows(rows, [accepted, repeatOf(first), accepted], pack)[0] as ReturnType<typeof sliceRows>[number];

describe('a slice', () => {
  it('has the lag of first receipts, and for repeats the time since the first receipt', () => {
    expect(make()).toMatchObject({ accepted: 2, duplicates: 1, conflicts: 0 });
    expect(make().lag).toEqual(histogram(5_000, 70_000));
    expect(make().delay).toEqual(histogram(60_000));
  });

  it('has the events of one day, regardless of their times', () => {
    const later = makeEventRow(PACK, { line: 1, rule: 'key', key: 'later', event_ms: EVENT + 3_600_000 });
    expect(sliceRows([rows[0], later], [accepted, accepted], pack)).toMatchObject([{ accepted: 2 }]);
  });

  it('is counted again if an event has another first receipt', () => {
    const moved = { ...rows[0], pack_id: OTHER, received_ms: EVENT + 1_000 };
    const conflicting = { ...rows[2], pack_id: OTHER, received_ms: EVENT + 2_000, payload_hash: 'f'.repeat(64) };
    const slice = reclassifySlice(
      make(),
      new Map([
        [0, moved],
        // This receipt is now the first one of its event.
        [1, rows[1]],
        [2, conflicting],
      ]),
    );
    expect(slice).toMatchObject({ pack_id: PACK, accepted: 1, duplicates: 1, conflicts: 1 });
    expect(slice.lag).toEqual(histogram(70_000));
    expect(slice.delay).toEqual(histogram(4_000, 68_000));
    const before = decodeEntries(make().entries);
    expect(decodeEntries(slice.entries)).toEqual([
      { ...before[0], outcome: 'DUPLICATE', first_received_ms: EVENT + 1_000 },
      { ...before[1], outcome: 'ACCEPTED', first_received_ms: null },
      { ...before[2], outcome: 'CONFLICT', first_received_ms: EVENT + 2_000 },
    ]);
  });

  it('keeps the entries of expired events and of lines that are not rechecked', () => {
    expect(reclassifySlice(make(), new Map())).toEqual(make());
    expect(reclassifySlice(make(), new Map([[1, first]]))).toEqual(make());
  });
});
