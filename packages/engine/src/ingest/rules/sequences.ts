import { at } from '@pik/schema';

import type { SequenceRange, SequenceRow } from '../../ports/rows.ts';
import type { ReadRecord } from './parse-record.ts';

/**
 * Ranges of the sequence numbers that a pack brought, per producer, regardless of the outcomes. Requests of one pack differ
 * in their receive times; the records of an import count as received with the first one of their producer.
 */
export function sequenceRows(
  records: readonly ReadRecord[],
  pack: { pack_id: string; expires_ms: number },
): SequenceRow[] {
  const seen = new Map<string, Map<number, number[]>>();
  for (const { producer, received_ms, imported } of records) {
    if (producer === null) continue;
    const known = seen.get(producer.id);
    if (known === undefined) seen.set(producer.id, new Map([[received_ms, [producer.seq]]]));
    else addNumber(known, imported ? firstKey(known) : received_ms, producer.seq);
  }
  return [...seen].map(([producer_id, numbers]) => {
    const times = [...numbers.keys()].sort((a, b) => a - b);
    const received_ms = at(times, 0);
    const ranges = times.flatMap((ms) => rangesOf(numbers.get(ms) ?? [], ms - received_ms));
    return { producer_id, pack_id: pack.pack_id, ranges, received_ms, expires_ms: pack.expires_ms };
  });
}

function addNumber(numbers: Map<number, number[]>, received_ms: number, seq: number): void {
  const known = numbers.get(received_ms);
  if (known === undefined) numbers.set(received_ms, [seq]);
  else known.push(seq);
}

function firstKey(numbers: ReadonlyMap<number, unknown>): number {
  const [first] = numbers.keys();
  return first ?? 0;
}

function rangesOf(numbers: readonly number[], laterMs: number): SequenceRange[] {
  const ranges = toRanges(numbers);
  return laterMs === 0 ? ranges : ranges.map(([first, last]) => [first, last, laterMs]);
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
