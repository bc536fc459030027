import { join } from 'node:path';

import { RunSet } from './run-set.ts';

/** An offset in a segment at which a record starts, so that reading can begin there. */
export interface Page {
  readonly position: number;
  readonly offset: number;
}

/** A file of records in order of position. */
export interface Segment {
  readonly path: string;
  /** Position of the first record, which is also the file's name. */
  readonly base: number;
  /** One past the last durable record (exclusive). */
  end: number;
  /** Size of the file in bytes. */
  bytes: number;
  /** Bytes up to the end of the last durable record. */
  readableBytes: number;
  readonly pages: Page[];
  /** Whether the segment takes no more records. */
  sealed: boolean;
  /** Whether it holds damaged bytes without a copy; it is then never deleted. */
  keep: boolean;
}

/** Creates a segment without records. */
export function newSegment({ path, base, bytes }: Pick<Segment, 'path' | 'base' | 'bytes'>): Segment {
  return { path, base, end: base, bytes, readableBytes: bytes, pages: [], sealed: false, keep: false };
}

/** Approximate bytes between two pages. */
const PAGE_BYTES = 64 * 1024;

/** Adds a page, unless the last one is near. */
export function notePage(segment: Segment, page: Page): void {
  const last = segment.pages.at(-1);
  if (last === undefined || page.offset - last.offset >= PAGE_BYTES) segment.pages.push(page);
}

/** The path of a segment. */
export function segmentPath(dir: string, base: number): string {
  return join(dir, `segment-${String(base).padStart(16, '0')}.log`);
}

/** The first position of the segment with this file name; null for other files. */
export function baseOf(name: string): number | null {
  const match = /^segment-(\d{16})\.log$/.exec(name);
  return match === null ? null : Number(match[1]);
}

/** Prune the timestamp list every 1,000 entries. */
const TIMES_MAX = 1_000;

/** The in-memory index of an outbox: which positions are acknowledged, and which files hold the others. */
export class SegmentIndex {
  /** Positions that need not be sent: acknowledged, or dead, damaged or never stored, which count as acknowledged. */
  readonly acked = new RunSet();
  readonly #segments: Segment[] = [];
  /** Position of the next record. */
  next = 1;
  /** Every position below is durable or acknowledged. */
  storedEnd = 1;
  /** The write result of every position below is known: durable or failed. */
  resolvedEnd = 1;
  /** Bytes of files other than segments. */
  otherBytes = 0;
  damagedCount = 0;
  #segmentBytes = 0;
  readonly #times: { readonly position: number; readonly storedMs: number }[] = [];

  get pendingCount(): number {
    return this.next - 1 - this.acked.size;
  }

  get fileBytes(): number {
    return this.#segmentBytes + this.otherBytes;
  }

  /** The segments, in order of position. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  addSegment(segment: Segment): void {
    this.#segments.push(segment);
    this.#segmentBytes += segment.bytes;
  }

  /** Records the new size of a segment's file. */
  resize(segment: Segment, bytes: number): void {
    this.#segmentBytes += bytes - segment.bytes;
    segment.bytes = bytes;
  }

  /** The first position that is not acknowledged; `next` if all are. */
  get lowWater(): number {
    return this.acked.firstMissing(1);
  }

  /** Records when a position was appended, at most once a second. */
  noteTime(position: number, storedMs: number): void {
    const last = this.#times.at(-1);
    if (last !== undefined && Math.abs(storedMs - last.storedMs) < 1_000) return;
    if (this.#times.length % TIMES_MAX === TIMES_MAX - 1) this.oldestStoredMs();
    this.#times.push({ position, storedMs });
  }

  /** Time at which the oldest pending record was appended, to the second; null if nothing is pending. */
  oldestStoredMs(): number | null {
    const oldest = this.lowWater;
    let passed = this.#times.findIndex(({ position }) => position > oldest);
    if (passed === -1) passed = this.#times.length;
    if (passed > 1) this.#times.splice(0, passed - 1);
    return this.pendingCount === 0 ? null : (this.#times[0]?.storedMs ?? null);
  }

  /** Segments without pending records. The newest stays while there are others: it records how far positions went. */
  deletable(): Segment[] {
    const newest = this.segments.at(-1);
    const isSpent = ({ sealed, keep, base, end }: Segment) => sealed && !keep && this.acked.covers(base, end);
    const spent = this.segments.filter((segment) => segment !== newest && isSpent(segment));
    const isLast = newest !== undefined && spent.length === this.segments.length - 1 && isSpent(newest);
    return isLast ? [...spent, newest] : spent;
  }

  dropSegment(segment: Segment): void {
    const at = this.#segments.indexOf(segment);
    if (at === -1) return;
    this.#segments.splice(at, 1);
    this.#segmentBytes -= segment.bytes;
  }
}
