import { join } from 'node:path';

import { RunSet } from './run-set.ts';

/** A place in a segment where a record starts, so that reading can begin there. */
export interface Page {
  readonly position: number;
  readonly offset: number;
}

/** A file of records in order of position. */
export interface Segment {
  readonly path: string;
  /** Its first record's position, and its name. */
  readonly base: number;
  /** Behind the position of its last record that is known to be durable. */
  end: number;
  /** Bytes of the file. */
  bytes: number;
  /** Bytes up to the end of the last durable record. */
  readableBytes: number;
  readonly pages: Page[];
  /** Takes no more records. */
  sealed: boolean;
  /** Holds damaged bytes of which there is no copy: it is not deleted. */
  keep: boolean;
}

/** A segment without records. */
export function newSegment({ path, base, bytes }: Pick<Segment, 'path' | 'base' | 'bytes'>): Segment {
  return { path, base, end: base, bytes, readableBytes: bytes, pages: [], sealed: false, keep: false };
}

/** Bytes between two pages, about. */
const PAGE_BYTES = 64 * 1024;

/** Notes that a record starts here, unless the last such place is near. */
export function notePage(segment: Segment, page: Page): void {
  const last = segment.pages.at(-1);
  if (last === undefined || page.offset - last.offset >= PAGE_BYTES) segment.pages.push(page);
}

/** The file of a segment. */
export function segmentPath(dir: string, base: number): string {
  return join(dir, `segment-${String(base).padStart(16, '0')}.log`);
}

/** The first position of the segment with this name; null for other files. */
export function baseOf(name: string): number | null {
  const match = /^segment-(\d{16})\.log$/.exec(name);
  return match === null ? null : Number(match[1]);
}

/** So many times are gathered before those of settled records are dropped. */
const TIMES_MAX = 1_000;

/** What an outbox knows in memory: which positions are settled, and which files hold the others. */
export class SegmentIndex {
  /** Positions that need not be sent: acknowledged, dead, damaged, never stored. */
  readonly acked = new RunSet();
  readonly #segments: Segment[] = [];
  /** The next record's position. */
  next = 1;
  /** Every position below is durable or settled. */
  storedEnd = 1;
  /** The fate of every position below is known: durable, or failed. */
  resolvedEnd = 1;
  /** Bytes of files that are no segments. */
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

  /** The files, in order of position. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  addSegment(segment: Segment): void {
    this.#segments.push(segment);
    this.#segmentBytes += segment.bytes;
  }

  /** Notes how large the file of a segment has become. */
  resize(segment: Segment, bytes: number): void {
    this.#segmentBytes += bytes - segment.bytes;
    segment.bytes = bytes;
  }

  /** The first position that is not settled; `next` when all are. */
  get lowWater(): number {
    return this.acked.firstMissing(1);
  }

  /** Remembers when a position was appended, once a second. */
  noteTime(position: number, storedMs: number): void {
    const last = this.#times.at(-1);
    if (last !== undefined && Math.abs(storedMs - last.storedMs) < 1_000) return;
    if (this.#times.length % TIMES_MAX === TIMES_MAX - 1) this.oldestStoredMs();
    this.#times.push({ position, storedMs });
  }

  /** When the oldest pending record was appended, to the second; null when nothing is pending. */
  oldestStoredMs(): number | null {
    const oldest = this.lowWater;
    let passed = this.#times.findIndex(({ position }) => position > oldest);
    if (passed === -1) passed = this.#times.length;
    if (passed > 1) this.#times.splice(0, passed - 1);
    return this.pendingCount === 0 ? null : (this.#times[0]?.storedMs ?? null);
  }

  /** Segments without a pending record. The newest stays while there are others: it says how far positions went. */
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
