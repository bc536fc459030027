import type { SequenceRow } from '../../ports/rows.ts';
import type { ParsedRecord } from './parse-record.ts';

/** Ranges of the sequence numbers that a request brought, per producer, regardless of the outcomes. */
export function sequenceRows(
  records: readonly ParsedRecord[],
  pack: { pack_id: string; expires_ms: number },
): SequenceRow[] {
  const seen = new Map<string, { numbers: number[]; received_ms: number }>();
  for (const { producer, received_ms } of records) {
    if (producer === null) continue;
    const known = seen.get(producer.id);
    if (known === undefined) seen.set(producer.id, { numbers: [producer.seq], received_ms });
    else known.numbers.push(producer.seq);
  }
  const rows: SequenceRow[] = [];
  for (const [producer_id, { numbers, received_ms }] of seen) {
    rows.push({
      producer_id,
      pack_id: pack.pack_id,
      ranges: toRanges(numbers),
      received_ms,
      expires_ms: pack.expires_ms,
    });
  }
  return rows;
}

/** Ascending, inclusive ranges that cover exactly the given numbers. */
export function toRanges(numbers: readonly number[]): [first: number, last: number][] {
  const ranges: [number, number][] = [];
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && number <= last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}
