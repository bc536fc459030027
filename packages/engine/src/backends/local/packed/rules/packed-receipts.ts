import type { EventRow, SliceEntry } from '../../../../ports/rows.ts';
import { EntryEncoder, ID_BYTES, type ScannedEntry, scanEntries } from '../../../../storage/rules/slice-codec.ts';
import type { Segment } from './segment.ts';

/**
 * The receipts of a slice that do not follow from the events that it brought, both in order of their lines. Null if one of the
 * events is not a receipt of the slice, or another one there.
 */
export function otherReceipts(receipts: readonly SliceEntry[], events: readonly EventRow[]): SliceEntry[] | null {
  const others: SliceEntry[] = [];
  let next = 0;
  for (const receipt of receipts) {
    const event = events[next];
    if (event !== undefined && isReceiptOf(receipt, event)) next += 1;
    else others.push(receipt);
  }
  return next === events.length ? others : null;
}

function isReceiptOf(receipt: SliceEntry, event: EventRow): boolean {
  return (
    receipt.line === event.line &&
    receipt.outcome === 'ACCEPTED' &&
    receipt.first_received_ms === null &&
    receipt.event_id === event.event_id &&
    receipt.event_ms === event.event_ms &&
    receipt.event_sub_ns === event.event_sub_ns &&
    receipt.received_ms === event.received_ms &&
    receipt.sent_ms === event.sent_ms &&
    receipt.payload_hash === event.payload_hash
  );
}

/** Some events of a segment, by their places. */
export interface SegmentPart {
  readonly columns: Segment;
  readonly from: number;
  readonly to: number;
}

/** The receipts of a slice, encoded: those of its events, and others in between. Throws a RangeError if bytes are malformed. */
export function sliceEntries(parts: Iterable<SegmentPart>, others: Uint8Array): Uint8Array {
  const left = [...parts].reverse();
  const encoder = new EntryEncoder(left.reduce((sum, { from, to }) => sum + to - from, 0));
  const addBelow = (line: number) => {
    for (let part = left.pop(); part !== undefined; part = left.pop()) {
      const { columns, from, to } = part;
      const end = columns.placeOf(line, from, to);
      columns.addEntries(from, end, encoder);
      if (end === to) continue;
      left.push({ columns, from: end, to });
      return;
    }
  };
  const addOther = (entry: ScannedEntry) => {
    addBelow(entry.line);
    const hashAt = entry.idAt + ID_BYTES;
    encoder.add(entry, others.subarray(entry.idAt, hashAt), { bytes: others, at: hashAt });
  };
  if (others.length > 0) scanEntries(others, addOther);
  addBelow(Number.POSITIVE_INFINITY);
  return encoder.done();
}
