import { KitError, runOwnWork, setOwnImmediate, setOwnTimeout } from '@pik/schema/events';

import { type Files, writeAll, writeAllSync } from './files.ts';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './format.ts';
import type { Gatherer, Slab } from './gather.ts';
import { type Ledger, newSegment, notePage, type Segment, segmentPath } from './ledger.ts';
import type { Place } from './quarantine.ts';
import { diskError, type Reporter } from './reports.ts';

/**
 * When records are synced. `each`: every record has a write and an fsync of its own. `batch`: what has gathered during one
 * write and fsync shares the next. `interval`: written like `batch`, synced once an interval.
 */
export type FsyncPolicy = 'each' | 'batch' | 'interval';

/** How a writer works. */
export interface WriterSettings {
  readonly fsync: FsyncPolicy;
  readonly fsyncIntervalMs: number;
  readonly segmentBytesMax: number;
}

/** What a writer works with. */
export interface WriterParts {
  readonly place: Place;
  readonly ledger: Ledger;
  readonly gatherer: Gatherer;
  readonly report: Reporter;
  /** Told when fates were settled or files have changed. */
  readonly changed: () => void;
}

interface Active {
  readonly fd: number;
  readonly segment: Segment;
}

/** Bytes that are written before a sync, at most. */
const WRITE_BYTES_MAX = 4 * 1024 * 1024;

/** With less than this waiting, the next sync is put off a little, so that more records share it. */
const WORTH_A_SYNC_BYTES = 64 * 1024;
const GATHER_MS = 1;

/** After a failure the disk is given some time. */
const FAILED_PAUSE_MS = 100;

/** Writes gathered records to segments, one write and one sync at a time. */
export class SegmentWriter {
  readonly #parts: WriterParts;
  readonly #settings: WriterSettings;
  readonly #files: Files;
  #active: Active | null = null;
  #running: Promise<void> | null = null;
  /** Taken from the gatherer, and not known to be written. */
  #flight: Slab[] = [];
  #flightBytes = 0;
  /** Written, and not known to be synced. */
  #unsynced: Slab[] = [];
  #syncDue = false;
  #syncTimer: ReturnType<typeof setTimeout> | null = null;
  /** Ends a pause in which records gather. */
  #endPause: (() => void) | null = null;
  /** Somebody waits for a position below this: the timer must then keep the process alive until it fires. */
  #awaitedEnd = 0;
  /** Somebody waits for everything that was appended before this position. */
  #urgentEnd = 0;
  readonly #failures = new Failures();
  #hasFailed = false;

  constructor(parts: WriterParts, settings: WriterSettings) {
    this.#parts = parts;
    this.#settings = settings;
    this.#files = parts.place.files;
  }

  /** Bytes that are being written. */
  get flightBytes(): number {
    return this.#flightBytes;
  }

  /** Makes the first segment, so that records can be written even when nothing can be waited for. */
  async start(): Promise<void> {
    this.#active = await this.#create(this.#parts.ledger.next);
  }

  /** There is something to write. Everything appended in the same turn of the event loop goes together. */
  wake(): void {
    this.#running ??= runOwnWork(async () => {
      await new Promise<void>((resolve) => setOwnImmediate(resolve));
      await this.#run();
    });
  }

  /** What became of a position; see `Outbox.stored`. */
  stored(position: number): Promise<KitError | null> {
    const { ledger, gatherer } = this.#parts;
    if (!(position >= 1 && position < ledger.next))
      return Promise.resolve(new KitError('OUTBOX_FAILED', `no record has position ${position}`));
    if (position < ledger.fateEnd) return Promise.resolve(this.#failures.of(position));
    this.#awaitedEnd = Math.max(this.#awaitedEnd, position + 1);
    this.#syncTimer?.ref();
    for (const slabs of [this.#unsynced, this.#flight, gatherer.peek()]) {
      const last = slabs.at(-1);
      if (last !== undefined && position < last.first + last.count) return slabOf(slabs, position).fate.promise;
    }
    return Promise.resolve(new KitError('INTERNAL', `position ${position} is nowhere`));
  }

  /** Resolves when the fate of everything appended before is known. */
  async flush(): Promise<void> {
    const { ledger } = this.#parts;
    if (ledger.fateEnd >= ledger.next) return;
    this.#urgentEnd = ledger.next;
    this.#syncDue = true;
    this.#endPause?.();
    this.wake();
    await this.stored(ledger.next - 1);
  }

  /** Flushes and closes the segment. */
  async close(): Promise<void> {
    await this.flush();
    await this.#running;
    this.#stopTimer();
    const active = this.#active;
    this.#active = null;
    if (active === null) return;
    active.segment.sealed = true;
    await this.#files.close(active.fd).catch(() => undefined);
  }

  /**
   * For the end of a process: writes and syncs what waits, now. A write under way is made again with the same bytes at
   * the same place, which harms nothing. What cannot be written is lost with the process, as `stored` never said it was
   * not.
   */
  writeRestSync(): void {
    const active = this.#active;
    if (active === null) return;
    const slabs = [...this.#flight, ...this.#parts.gatherer.peek()];
    if (slabs.length === 0 && this.#unsynced.length === 0) return;
    let position = active.segment.bytes;
    for (const { buffer, length } of slabs) {
      writeAllSync(this.#files, active.fd, { bytes: buffer.subarray(0, length), position });
      position += length;
    }
    this.#files.syncSync(active.fd);
  }

  async #run(): Promise<void> {
    const { gatherer } = this.#parts;
    const bytesMax = Math.min(WRITE_BYTES_MAX, this.#settings.segmentBytesMax);
    while (gatherer.count > 0 || this.#syncDue) {
      const slabs = gatherer.count > 0 ? gatherer.take(bytesMax) : [];
      await this.#store(slabs);
      await this.#pause();
    }
    this.#running = null;
  }

  /** Writes slabs, and syncs when it is time to; each slab's fate is known when its sync is over. */
  async #store(slabs: Slab[]): Promise<void> {
    this.#flight = slabs;
    this.#flightBytes = slabs.reduce((sum, { length }) => sum + length, 0);
    try {
      const active = slabs.length > 0 ? await this.#write(slabs) : this.#active;
      const isDue = this.#settings.fsync !== 'interval' || this.#syncDue;
      this.#syncDue = false;
      if (!isDue) this.#armTimer();
      else if (active !== null) await this.#sync(active);
    } catch (cause) {
      await this.#abandon(diskError(cause, 'records could not be stored'));
    }
    this.#parts.changed();
  }

  async #write(slabs: Slab[]): Promise<Active> {
    const active = await this.#segmentFor(slabs[0]?.first ?? 0);
    const { segment, fd } = active;
    let position = segment.bytes;
    for (const { buffer, length, first } of slabs) {
      await writeAll(this.#files, fd, { bytes: buffer.subarray(0, length), position });
      notePage(segment, { position: first, offset: position });
      position += length;
    }
    this.#parts.ledger.resize(segment, position);
    this.#flight = [];
    this.#flightBytes = 0;
    for (const one of slabs) this.#unsynced.push(one);
    return active;
  }

  async #sync({ fd, segment }: Active): Promise<void> {
    const slabs = this.#unsynced;
    const last = slabs.at(-1);
    if (last === undefined) return;
    const readableBytes = segment.bytes;
    await this.#files.sync(fd);
    this.#unsynced = [];
    this.#hasFailed = false;
    segment.end = last.first + last.count;
    segment.readableBytes = readableBytes;
    this.#parts.ledger.storedEnd = segment.end;
    this.#settle(slabs, null);
  }

  /** The open segment if there is room in it, or a new one. */
  async #segmentFor(first: number): Promise<Active> {
    const full = this.#active;
    if (full !== null) {
      const { bytes: before } = full.segment;
      if (before === SEGMENT_HEADER_BYTES || before + this.#flightBytes <= this.#settings.segmentBytesMax) return full;
      await this.#sync(full);
    }
    // Until the new one is there, the old one takes what a process writes at its end.
    this.#active = await this.#create(first);
    if (full !== null) {
      full.segment.sealed = true;
      await this.#files.close(full.fd).catch(() => undefined);
    }
    return this.#active;
  }

  /** A segment is there, with its name, before any record in it can be durable. */
  async #create(base: number): Promise<Active> {
    const { place, ledger } = this.#parts;
    const path = segmentPath(place.dir, base);
    const fd = await this.#files.open(path, 'new');
    try {
      await writeAll(this.#files, fd, { bytes: encodeSegmentHeader({ base, follows: ledger.storedEnd }), position: 0 });
      await this.#files.sync(fd);
      await this.#files.syncDir(place.dir);
    } catch (error) {
      await this.#files.close(fd).catch(() => undefined);
      await this.#files.unlink(path).catch(() => undefined);
      throw error;
    }
    const segment = newSegment({ path, base, bytes: SEGMENT_HEADER_BYTES });
    ledger.addSegment(segment);
    return { fd, segment };
  }

  /**
   * A write or a sync failed. What was not synced is not stored, and never will be said to be: after a failed fsync the
   * kernel may have dropped the pages, and a second one would "succeed". Later records go to a new segment.
   */
  async #abandon(error: KitError): Promise<void> {
    const { ledger, report, place } = this.#parts;
    this.#hasFailed = true;
    const slabs = [...this.#unsynced, ...this.#flight];
    const active = this.#active;
    this.#unsynced = [];
    // Until their fate is known, whoever asks must find them.
    this.#flight = slabs;
    this.#active = null;
    if (active !== null) {
      const { segment, fd } = active;
      segment.sealed = true;
      // A later process must not find in the kernel's memory what the disk does not have.
      await this.#files.truncate(fd, segment.readableBytes).catch(() => undefined);
      await this.#files.close(fd).catch(() => undefined);
      ledger.resize(segment, await this.#files.size(segment.path).catch(() => segment.bytes));
    }
    this.#flight = [];
    this.#flightBytes = 0;
    const first = slabs[0];
    const last = slabs.at(-1);
    if (first === undefined || last === undefined) return;
    const end = last.first + last.count;
    ledger.settled.add(first.first, end);
    this.#failures.add(first.first, end, error);
    const positions = { first_position: first.first, last_position: end - 1 };
    report({ kind: 'write_failed', detail: error.message, file: active?.segment.path ?? place.dir, ...positions });
    this.#settle(slabs, error);
  }

  /** Lets records gather, unless there are many, none, or somebody waits. */
  async #pause(): Promise<void> {
    const { ledger, gatherer } = this.#parts;
    if (gatherer.count === 0 || this.#urgentEnd > ledger.fateEnd) return;
    const isWorthIt = this.#settings.fsync === 'each' || gatherer.bytes >= WORTH_A_SYNC_BYTES;
    if (isWorthIt && !this.#hasFailed) return;
    await new Promise<void>((resolve) => {
      const timer = setOwnTimeout(resolve, this.#hasFailed ? FAILED_PAUSE_MS : GATHER_MS);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPause = null;
  }

  #armTimer(): void {
    if (this.#syncTimer !== null) return;
    this.#syncTimer = setOwnTimeout(() => {
      this.#syncTimer = null;
      this.#syncDue = true;
      this.wake();
    }, this.#settings.fsyncIntervalMs);
    // Otherwise the process may end before; `writeRestSync` then does it.
    if (this.#awaitedEnd <= this.#parts.ledger.fateEnd) this.#syncTimer.unref();
  }

  #stopTimer(): void {
    if (this.#syncTimer !== null) clearTimeout(this.#syncTimer);
    this.#syncTimer = null;
  }

  #settle(slabs: readonly Slab[], outcome: KitError | null): void {
    const last = slabs.at(-1);
    if (last !== undefined) this.#parts.ledger.fateEnd = last.first + last.count;
    for (const { fate } of slabs) fate.settle(outcome);
    this.#parts.gatherer.recycle(slabs);
  }
}

/** Records that were not stored, in order of position; those next to each other with the same reason as one. */
class Failures {
  readonly #runs: { start: number; end: number; error: KitError }[] = [];

  add(start: number, end: number, error: KitError): void {
    const last = this.#runs.at(-1);
    if (last?.end === start && last.error.code === error.code) last.end = end;
    else this.#runs.push({ start, end, error });
  }

  of(position: number): KitError | null {
    return this.#runs.find(({ start, end }) => start <= position && position < end)?.error ?? null;
  }
}

function slabOf(slabs: readonly Slab[], position: number): Slab {
  let low = 0;
  let high = slabs.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((slabs[middle] as Slab).first <= position) low = middle;
    else high = middle;
  }
  return slabs[low] as Slab;
}
