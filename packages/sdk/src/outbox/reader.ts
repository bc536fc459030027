import { readRange } from './files.ts';
import type { OutboxRecord } from './outbox-port.ts';
import { type OutboxLocation, quarantine } from './quarantine.ts';
import { diskError, type Reporter } from './reports.ts';
import { type DamagedRange, scanRecords } from './scan.ts';
import type { Page, Segment, SegmentIndex } from './segment-index.ts';

interface ReaderDeps {
  readonly location: OutboxLocation;
  readonly index: SegmentIndex;
  readonly report: Reporter;
}

/** The part of a segment between two pages. */
interface Stretch {
  readonly segment: Segment;
  readonly start: number;
  readonly end: number;
  /** Contains the positions `[first, after)`. */
  readonly first: number;
  readonly after: number;
}

/**
 * Reads pending records with positions in `(after, through]`, page by page. Skips records that are acknowledged in the
 * meantime.
 *
 * @throws KitError `OUTBOX_FAILED` if the disk cannot be read.
 */
export async function* readPending(
  deps: ReaderDeps,
  { after, through }: { after: number; through: number },
): AsyncGenerator<OutboxRecord> {
  const { acked, segments } = deps.index;
  for (const segment of [...segments]) {
    for (const stretch of stretchesOf(segment)) {
      if (stretch.first > through) return;
      if (stretch.after <= after + 1 || acked.covers(stretch.first, stretch.after)) continue;
      for (const record of await readStretch(deps, stretch)) {
        const isWanted = record.position > after && record.position <= through;
        if (isWanted && !acked.has(record.position)) yield record;
      }
    }
  }
}

/** The stretches between durable pages; later pages belong to a later read. */
function stretchesOf(segment: Segment): Stretch[] {
  const { pages, end, readableBytes } = segment;
  const durable = pages.filter(({ offset }) => offset < readableBytes);
  return durable.map(({ position, offset }, i) => {
    const next: Page = durable[i + 1] ?? { position: end, offset: readableBytes };
    return { segment, start: offset, end: next.offset, first: position, after: next.position };
  });
}

async function readStretch(deps: ReaderDeps, stretch: Stretch): Promise<OutboxRecord[]> {
  const { segment, start, end, first, after } = stretch;
  const bytes = await readRange(deps.location.files, segment.path, { start, end }).catch((cause: unknown) => {
    throw diskError(cause, 'records could not be read');
  });
  // The segment was acknowledged and deleted since the list was made.
  if (bytes === null) return [];
  const { records, damage } = scanRecords(bytes, 0, first);
  const seenEnd = damage.at(-1)?.endPosition === null ? after : (records.at(-1)?.position ?? first - 1) + 1;
  const cut = { start: bytes.length, end: bytes.length, firstPosition: seenEnd, endPosition: null };
  for (const range of seenEnd < after ? [...damage, cut] : damage)
    await noteDamage(deps, { segment, offset: start, after }, { bytes, range });
  return records.map(({ position, start: from, end: to }) => ({ position, record: copy(bytes, from, to) }));
}

/** Reports records that the disk has lost since the outbox was opened, and marks them as acknowledged. */
async function noteDamage(
  { location, index, report }: ReaderDeps,
  { segment, offset, after }: { segment: Segment; offset: number; after: number },
  { bytes, range }: { bytes: Buffer; range: DamagedRange },
): Promise<void> {
  const { firstPosition, start, end } = range;
  const endPosition = range.endPosition ?? after;
  if (index.acked.covers(firstPosition, endPosition)) return;
  const copied = await quarantine(location, segment.path, {
    bytes: bytes.subarray(start, end),
    offset: offset + start,
  });
  if (!copied.mayDelete) segment.keep = true;
  const before = index.acked.size;
  index.acked.add(firstPosition, endPosition);
  index.damagedCount += index.acked.size - before;
  const positions = { first_position: firstPosition, last_position: endPosition - 1 };
  const detail = `bytes ${offset + start} to ${offset + end - 1} of a segment can no longer be read`;
  report({ kind: 'damaged', detail, file: segment.path, quarantine: copied.path, ...positions });
}

/** Copies a record, so that the caller does not keep the whole page in memory. */
function copy(bytes: Buffer, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, start, end);
}
