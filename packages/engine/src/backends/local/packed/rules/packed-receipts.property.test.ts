import { at } from '@pik/schema';
import { makeEventRow } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import type { EventRow, SliceEntry } from '../../../../ports/rows.ts';
import { decodeEntries, encodeEntries } from '../../../../storage/rules/slice-codec.ts';
import { idBytes } from '../../codec.ts';
import { otherReceipts, sliceEntries } from './packed-receipts.ts';
import { encodeSegment, Segment } from './segment.ts';

const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';
const DAY_MS = Date.UTC(2025, 11, 28);

/** A receipt of a slice, new or not, some lines behind the one before it. */
const receipt = fc.record({
  isNew: fc.boolean(),
  skipped: fc.nat({ max: 3 }),
  rule: fc.constantFrom('key' as const, 'content' as const),
  event_ms: fc.integer({ min: DAY_MS, max: DAY_MS + 86_399_999 }),
  event_sub_ns: fc.constantFrom(0, 7),
  received_ms: fc.integer({ min: DAY_MS, max: DAY_MS + 1e9 }),
  sent_ms: fc.option(fc.integer({ min: DAY_MS, max: DAY_MS + 1e9 })),
});
const slice = fc.array(receipt, { minLength: 1, maxLength: 30 }).map((receipts) => {
  let line = -1;
  return receipts.map(({ isNew, skipped, ...seed }) => {
    line += 1 + skipped;
    const entity = `e${line}`;
    const row: EventRow = { ...makeEventRow(PACK, { ...seed, line, entity }), sent_ms: seed.sent_ms };
    return { row, isNew };
  });
});

function entryOf({ row, isNew }: { row: EventRow; isNew: boolean }): SliceEntry {
  const { event_id, event_ms, event_sub_ns, received_ms, payload_hash, line, sent_ms } = row;
  const facts = { event_id, event_ms, event_sub_ns, received_ms, payload_hash, line, sent_ms };
  return isNew
    ? { ...facts, outcome: 'ACCEPTED', first_received_ms: null }
    : { ...facts, outcome: 'DUPLICATE', first_received_ms: received_ms - 5 };
}

/** Packs events in segments of a size. */
function partsOf(rows: readonly EventRow[], size: number) {
  const parts = [];
  for (let start = 0; start < rows.length; start += size) {
    const some = rows.slice(start, start + size).map((row) => ({ id: idBytes(row.event_id), row, producerNo: null }));
    parts.push({ columns: new Segment(encodeSegment(some), some.length), from: 0, to: some.length });
  }
  return parts;
}

it('the receipts of a slice are those of its packed events and the others, byte for byte', () => {
  fc.assert(
    fc.property(slice, fc.integer({ min: 1, max: 12 }), (receipts, size) => {
      const entries = receipts.map(entryOf);
      const events = receipts.filter(({ isNew }) => isNew).map(({ row }) => row);
      const others = otherReceipts(entries, events);
      expect(others).toEqual(entries.filter((_, i) => !at(receipts, i).isNew));
      const rest = others === null || others.length === 0 ? new Uint8Array(0) : encodeEntries(others);
      const bytes = sliceEntries(partsOf(events, size), rest);
      expect(Buffer.compare(bytes, encodeEntries(entries))).toBe(0);
      expect(decodeEntries(bytes)).toEqual(entries);
    }),
    runs(400),
  );
});

it('a slice that does not have each of its events as it was received keeps all its receipts', () => {
  const rows = [0, 1, 2].map((line) => makeEventRow(PACK, { line, entity: `e${line}` }));
  const entries = rows.map((row) => entryOf({ row, isNew: true }));
  expect(otherReceipts(entries, rows)).toEqual([]);
  expect(otherReceipts(entries.slice(1), rows)).toBeNull();
  const changes: Partial<SliceEntry>[] = [
    { outcome: 'DUPLICATE' },
    { first_received_ms: 1 },
    { line: 9 },
    { event_id: 'another' },
    { event_ms: 1 },
    { event_sub_ns: 1 },
    { received_ms: 1 },
    { sent_ms: 1 },
    { payload_hash: 'another' },
  ];
  for (const change of changes)
    expect(otherReceipts([at(entries, 0), { ...at(entries, 1), ...change }, at(entries, 2)], rows)).toBeNull();
});
