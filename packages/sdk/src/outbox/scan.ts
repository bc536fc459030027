import { type FoundRecord, findMarker, readRecordAt } from './format.ts';

/** Bytes `[start, end)` that are not a record. */
export interface DamagedRange {
  readonly start: number;
  readonly end: number;
  /**
   * The positions `[firstPosition, endPosition)` were here. `endPosition` is null at the tail, where no record follows.
   */
  readonly firstPosition: number;
  readonly endPosition: number | null;
}

/** Contents of a part of a segment. */
export interface Scan {
  readonly records: readonly FoundRecord[];
  readonly damage: readonly DamagedRange[];
}

/**
 * Reads records from `bytes[from, …)`. Positions must rise, starting at `minPosition`. Skips bytes that are not a
 * record up to the next record, however far away: no later record is lost, and none is joined with damaged bytes.
 */
export function scanRecords(bytes: Buffer, from: number, minPosition: number): Scan {
  const records: FoundRecord[] = [];
  const damage: DamagedRange[] = [];
  let min = minPosition;
  const recordAt = (at: number): FoundRecord | null => {
    const record = readRecordAt(bytes, at);
    return record !== null && record.position >= min ? record : null;
  };
  for (let at = from; at < bytes.length; ) {
    const record = recordAt(at);
    if (record !== null) {
      records.push(record);
      min = record.position + 1;
      at = record.end;
      continue;
    }
    let next = findMarker(bytes, at + 1);
    while (next !== -1 && recordAt(next) === null) next = findMarker(bytes, next + 1);
    const end = next === -1 ? bytes.length : next;
    damage.push({ start: at, end, firstPosition: min, endPosition: recordAt(next)?.position ?? null });
    at = end;
  }
  return { records, damage };
}
