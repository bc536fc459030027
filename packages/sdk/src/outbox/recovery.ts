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
 * Reads what is in the directory, and says what is wrong with it. Nothing is changed but the quarantine, and nothing at all
 * where a file is of another format version.
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
    const detail = 'the cursor cannot be read; everything that is there is sent again';
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
  /** What the cursor says is settled. */
  readonly #acknowledged = new RunSet();
  readonly #index = new SegmentIndex();
  /** Behind the last position of the segments read so far; null before the first. */
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
      // Positions in a segment have no gaps, but where a record was damaged.
      acked.add(segment.end, position);
      notePage(segment, { position, offset: start - RECORD_HEADER_BYTES });
      this.#index.noteTime(position, storedMs);
      segment.end = position + 1;
      segment.readableBytes = end;
    }
    for (const range of damage) await this.#damaged(segment, bytes, range);
    segment.sealed = true;
    this.#index.addSegment(segment);
    // A process that ends while it makes a segment writes its last records to the one before.
    this.#dataEnd = Math.max(this.#dataEnd ?? 1, segment.end);
  }

  /** Everything has been read: what the cursor adds to it. */
  finish(): SegmentIndex {
    const index = this.#index;
    const cursor = this.#cursor;
    const dataEnd = this.#dataEnd ?? cursor?.low_water ?? 1;
    index.next = Math.max(dataEnd, cursor?.stored_end ?? 1);
    index.acked.add(this.#dataEnd ?? 1, index.next);
    if (index.next > dataEnd) this.#lost(dataEnd, index.next, cursorPath(this.#location.dir));
    // A cursor that knows more than the data is of other data: what it says of these records is not believed.
    const isAhead = index.segments.length > 0 && index.next > dataEnd;
    if (isAhead) this.#ahead(dataEnd);
    else for (const [start, end] of this.#acknowledged.runs()) index.acked.add(start, end);
    index.storedEnd = index.next;
    // The next segment must not take the name of one that is there without a record.
    if (index.segments.at(-1)?.base === index.next) {
      index.acked.add(index.next, index.next + 1);
      index.next += 1;
    }
    index.resolvedEnd = index.next;
    return index;
  }

  /** What lies between the segment before and this one was never stored, or is gone. */
  #before({ path, base, bytes }: Segment, header: SegmentHeader | null): void {
    if (header === null && bytes >= SEGMENT_HEADER_BYTES)
      this.#report({
        kind: 'header_damaged',
        detail: 'the head of a segment is damaged; its records are read',
        file: path,
      });
    // Without a cursor nothing tells what was before the first segment.
    const end = this.#dataEnd ?? this.#cursor?.low_water ?? null;
    if (header !== null && end !== null) this.#lost(end, header.follows, path);
    this.#index.acked.add(this.#dataEnd ?? 1, base);
  }

  /** Positions `[start, end)` were stored and are not there; those that the cursor has are only deleted. */
  #lost(start: number, end: number, file: string): void {
    for (const [first, after] of missingRuns(this.#acknowledged, start, end)) {
      this.#index.damagedCount += after - first;
      const detail = counted(after - first, 'stored record is gone', 'stored records are gone');
      this.#report({ kind: 'missing', detail, file, first_position: first, last_position: after - 1 });
    }
  }

  #ahead(dataEnd: number): void {
    const detail = 'the cursor knows of records that are not there; everything that is there is sent again';
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
      this.#report({ kind, detail: `${where}, its end, are no whole record`, ...about });
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

/** A killed process may have left what the disk does not have yet; what is told of must survive a power loss from now on. */
async function makeDurable(files: Files, path: string): Promise<void> {
  const fd = await files.open(path, 'existing');
  try {
    await files.sync(fd);
  } finally {
    await files.close(fd);
  }
}

/** The runs of `[start, end)` that the set does not hold. */
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
