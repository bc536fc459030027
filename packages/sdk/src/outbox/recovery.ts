import { counted, KitError } from '@pik/schema/events';

import { type Cursor, cursorPath, readCursor } from './cursor.ts';
import { type Files, readRange } from './files.ts';
import {
  decodeSegmentHeader,
  endOfRecordAt,
  FORMAT_VERSION,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './format.ts';
import { type OutboxLocation, quarantine } from './quarantine.ts';
import type { Reporter } from './reports.ts';
import { RunSet } from './run-set.ts';
import { type DamagedRange, scanRecords } from './scan.ts';
import { baseOf, newSegment, notePage, type Segment, SegmentIndex, segmentPath } from './segment-index.ts';

/**
 * Rebuilds the index from the files in the directory and reports damage. Changes nothing except the quarantine, and
 * nothing at all if a file has another format version.
 *
 * @throws KitError `DATA_DIR_NEWER`.
 */
export async function recover(
  location: OutboxLocation,
  report: Reporter,
): Promise<{ index: SegmentIndex; generation: number }> {
  const { files, dir } = location;
  const bases = (await files.list(dir)).map(baseOf).filter((base) => base !== null);
  bases.sort((a, b) => a - b);
  const found = await readCursor(files, dir);
  for (const base of bases) await refuseOtherVersions(location, segmentPath(dir, base));
  const cursor = found === 'damaged' ? null : found;
  if (found === 'damaged') {
    const detail = 'the cursor cannot be read; all records on disk are sent again';
    report({ kind: 'cursor_damaged', detail, file: cursorPath(dir) });
  }
  const recovery = new Recovery(location, report, cursor);
  for (const base of bases) await recovery.readSegment(base);
  return { index: recovery.finish(), generation: cursor?.generation ?? 0 };
}

async function refuseOtherVersions({ files }: OutboxLocation, path: string): Promise<void> {
  const bytes = await readRange(files, path, { end: SEGMENT_HEADER_BYTES });
  const header = decodeSegmentHeader(bytes ?? Buffer.alloc(0));
  if (header !== null && 'version' in header) {
    const message = `${path} has format ${header.version}; this version reads ${FORMAT_VERSION} and changes nothing`;
    throw new KitError('DATA_DIR_NEWER', message);
  }
}

class Recovery {
  readonly #location: OutboxLocation;
  readonly #report: Reporter;
  readonly #cursor: Cursor | null;
  /** The positions that the cursor acknowledges. */
  readonly #acknowledged = new RunSet();
  readonly #index = new SegmentIndex();
  /** One past the last position of the segments read so far; null before the first. */
  #dataEnd: number | null = null;

  constructor(location: OutboxLocation, report: Reporter, cursor: Cursor | null) {
    this.#location = location;
    this.#report = report;
    this.#cursor = cursor;
    if (cursor === null) return;
    this.#acknowledged.add(1, cursor.low_water);
    for (const [start, end] of cursor.acknowledged) this.#acknowledged.add(start, end);
  }

  async readSegment(base: number): Promise<void> {
    const path = segmentPath(this.#location.dir, base);
    await makeDurable(this.#location.files, path);
    const bytes = (await readRange(this.#location.files, path)) ?? Buffer.alloc(0);
    const segment = newSegment({ path, base, bytes: bytes.length });
    this.#before(segment, decodeSegmentHeader(bytes) as SegmentHeader | null);
    const { records, damage } = scanRecords(bytes, SEGMENT_HEADER_BYTES, base);
    const { acked } = this.#index;
    for (const { position, start, end, storedMs } of records) {
      // Positions in a segment have gaps only where a record was damaged.
      acked.add(segment.end, position);
      notePage(segment, { position, offset: start - RECORD_HEADER_BYTES });
      this.#index.noteTime(position, storedMs);
      segment.end = position + 1;
      segment.readableBytes = end;
    }
    for (const range of damage) await this.#damaged(segment, bytes, range);
    segment.sealed = true;
    this.#index.addSegment(segment);
    // A process that ends while it creates a segment writes its last records to the previous one.
    this.#dataEnd = Math.max(this.#dataEnd ?? 1, segment.end);
  }

  /** Combines the segments with the cursor once all are read. */
  finish(): SegmentIndex {
    const index = this.#index;
    const cursor = this.#cursor;
    const dataEnd = this.#dataEnd ?? cursor?.low_water ?? 1;
    index.next = Math.max(dataEnd, cursor?.stored_end ?? 1);
    index.acked.add(this.#dataEnd ?? 1, index.next);
    if (index.next > dataEnd) this.#lost(dataEnd, index.next, cursorPath(this.#location.dir));
    // A cursor ahead of the data belongs to other data, so its acknowledgements are ignored.
    const isAhead = index.segments.length > 0 && index.next > dataEnd;
    if (isAhead) this.#ahead(dataEnd);
    else for (const [start, end] of this.#acknowledged.runs()) index.acked.add(start, end);
    index.storedEnd = index.next;
    // The next segment must not take the name of an existing segment without records.
    if (index.segments.at(-1)?.base === index.next) {
      index.acked.add(index.next, index.next + 1);
      index.next += 1;
    }
    index.resolvedEnd = index.next;
    return index;
  }

  /** Positions between the previous segment and this one were never stored, or are gone. */
  #before({ path, base, bytes }: Segment, header: SegmentHeader | null): void {
    if (header === null && bytes >= SEGMENT_HEADER_BYTES)
      this.#report({
        kind: 'header_damaged',
        detail: 'the header of a segment is damaged; its records were read',
        file: path,
      });
    // Without a cursor, nothing records what preceded the first segment.
    const end = this.#dataEnd ?? this.#cursor?.low_water ?? null;
    if (header !== null && end !== null) this.#lost(end, header.follows, path);
    this.#index.acked.add(this.#dataEnd ?? 1, base);
  }

  /**
   * Reports the stored positions `[start, end)` as missing, except those that the cursor acknowledges, which were only
   * deleted.
   */
  #lost(start: number, end: number, file: string): void {
    for (const [first, after] of missingRuns(this.#acknowledged, start, end)) {
      this.#index.damagedCount += after - first;
      const detail = counted(after - first, 'stored record is gone', 'stored records are gone');
      this.#report({ kind: 'missing', detail, file, first_position: first, last_position: after - 1 });
    }
  }

  #ahead(dataEnd: number): void {
    const detail = 'the cursor acknowledges records that are missing; all records on disk are sent again';
    const last_position = this.#index.next - 1;
    const file = cursorPath(this.#location.dir);
    this.#report({ kind: 'cursor_ahead', detail, file, first_position: dataEnd, last_position });
  }

  async #damaged(segment: Segment, bytes: Buffer, range: DamagedRange): Promise<void> {
    const { start, end, firstPosition, endPosition } = range;
    const copy = await quarantine(this.#location, segment.path, { bytes: bytes.subarray(start, end), offset: start });
    if (!copy.mayDelete) segment.keep = true;
    const about = { file: segment.path, quarantine: copy.path };
    const where = `bytes ${start} to ${end - 1} of a segment`;
    if (endPosition === null) {
      const kind = endOfRecordAt(bytes, start) === null ? 'torn_tail' : 'damaged';
      this.#report({ kind, detail: `${where}, at its end, are not a complete record`, ...about });
      return;
    }
    for (const [first, after] of missingRuns(this.#acknowledged, firstPosition, endPosition))
      this.#index.damagedCount += after - first;
    const hasPositions = endPosition > firstPosition;
    const first_position = hasPositions ? firstPosition : null;
    const last_position = hasPositions ? endPosition - 1 : null;
    this.#report({ kind: 'damaged', detail: `${where} are damaged`, first_position, last_position, ...about });
  }
}

/**
 * Syncs a segment: a killed process may have left data that is not on disk yet, and a record that is returned must
 * survive a power loss.
 */
async function makeDurable(files: Files, path: string): Promise<void> {
  const fd = await files.open(path, 'existing');
  try {
    await files.sync(fd);
  } finally {
    await files.close(fd);
  }
}

/** The runs of `[start, end)` that are not in the set. */
function* missingRuns(set: RunSet, start: number, end: number): Generator<readonly [number, number]> {
  let at = set.firstMissing(start);
  for (const [from, to] of set.runs()) {
    if (at >= end) return;
    if (to <= at) continue;
    if (from > at) yield [at, Math.min(from, end)];
    at = to;
  }
  if (at < end) yield [at, end];
}
