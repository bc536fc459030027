import { at, KitError, runOwnWork, setOwnImmediate, setOwnTimeout } from '@pik/schema/events';

import { type Files, writeAll, writeAllSync } from './files.ts';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './format.ts';
import type { OutboxLocation } from './quarantine.ts';
import { diskError, type Reporter } from './reports.ts';
import { newSegment, notePage, type Segment, type SegmentIndex, segmentPath } from './segment-index.ts';
import type { RecordBuffer, WriteBuffer } from './write-buffer.ts';

/**
 * When records are synced.
 *
 * - `each`: every record has its own write and fsync.
 * - `batch`: records that arrive during one write and fsync share the next.
 * - `interval`: written as with `batch`, synced once per interval.
 */
export type FsyncPolicy = 'each' | 'batch' | 'interval';

/** Settings of a writer. */
export interface WriterSettings {
  readonly fsync: FsyncPolicy;
  readonly fsyncIntervalMs: number;
  readonly segmentBytesMax: number;
}

/** Dependencies of a writer. */
export interface WriterDeps {
  readonly location: OutboxLocation;
  readonly index: SegmentIndex;
  readonly writeBuffer: WriteBuffer;
  readonly report: Reporter;
  /** Called when write results are known or files have changed. */
  readonly changed: () => void;
}

interface Active {
  readonly fd: number;
  readonly segment: Segment;
}

/** Most bytes written before a sync. */
const WRITE_BYTES_MAX = 4 * 1024 * 1024;

/** Below this many waiting bytes, the next sync is delayed a little, so that more records share it. */
const WORTH_A_SYNC_BYTES = 64 * 1024;
const BATCH_MS = 1;

/** Pause after a failure. */
const FAILED_PAUSE_MS = 100;

/**
 * Writes buffered records to segments, one write and one sync at a time.
 *
 * A record is buffered, then `writing`, then `unsynced`, then durable. A failed write or sync fails all records that
 * are not durable yet, and later records go to a new segment.
 */
export class SegmentWriter {
  readonly #deps: WriterDeps;
  readonly #settings: WriterSettings;
  readonly #files: Files;
  #active: Active | null = null;
  #running: Promise<void> | null = null;
  /** Taken from the write buffer, not known to be written. */
  #writing: RecordBuffer[] = [];
  #writingBytes = 0;
  /** Written, not known to be synced. */
  #unsynced: RecordBuffer[] = [];
  #syncDue = false;
  #syncTimer: ReturnType<typeof setTimeout> | null = null;
  /** Ends the current pause early. */
  #endPause: (() => void) | null = null;
  /** A caller waits for a position below this: the timer must then keep the process alive until it fires. */
  #awaitedEnd = 0;
  /** A `flush` waits for everything appended before this position. */
  #urgentEnd = 0;
  readonly #failures = new Failures();
  #hasFailed = false;

  constructor(deps: WriterDeps, settings: WriterSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#files = deps.location.files;
  }

  /** Bytes that are being written. */
  get writingBytes(): number {
    return this.#writingBytes;
  }

  /** Creates the first segment, so that records can be written even at the end of the process. */
  async start(): Promise<void> {
    this.#active = await this.#create(this.#deps.index.next);
  }

  /** Starts writing. Records appended in the same turn of the event loop are written together. */
  wake(): void {
    this.#running ??= runOwnWork(async () => {
      await new Promise<void>((resolve) => setOwnImmediate(resolve));
      await this.#run();
    });
  }

  /** The write result of a position; see `Outbox.stored`. */
  stored(position: number): Promise<KitError | null> {
    const { index, writeBuffer } = this.#deps;
    if (!(position >= 1 && position < index.next))
      return Promise.resolve(new KitError('OUTBOX_FAILED', `no record has position ${position}`));
    if (position < index.resolvedEnd) return Promise.resolve(this.#failures.of(position));
    this.#awaitedEnd = Math.max(this.#awaitedEnd, position + 1);
    this.#syncTimer?.ref();
    for (const buffers of [this.#unsynced, this.#writing, writeBuffer.peek()]) {
      const last = buffers.at(-1);
      if (last !== undefined && position < last.first + last.count) return bufferOf(buffers, position).result.promise;
    }
    return Promise.resolve(new KitError('INTERNAL', `position ${position} is in no buffer`));
  }

  /** Resolves when the write result of everything appended before is known. */
  async flush(): Promise<void> {
    const { index } = this.#deps;
    if (index.resolvedEnd >= index.next) return;
    this.#urgentEnd = index.next;
    this.#syncDue = true;
    this.#endPause?.();
    this.wake();
    await this.stored(index.next - 1);
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
   * Writes and syncs the waiting records when the process ends. Repeats a write in flight with the same bytes at the
   * same place, which is harmless. Records that cannot be written are lost with the process; `stored` has not reported
   * them as durable.
   */
  writeRestSync(): void {
    const active = this.#active;
    if (active === null) return;
    const buffers = [...this.#writing, ...this.#deps.writeBuffer.peek()];
    if (buffers.length === 0 && this.#unsynced.length === 0) return;
    let position = active.segment.bytes;
    for (const { memory, length } of buffers) {
      writeAllSync(this.#files, active.fd, { bytes: memory.subarray(0, length), position });
      position += length;
    }
    this.#files.syncSync(active.fd);
  }

  async #run(): Promise<void> {
    const { writeBuffer } = this.#deps;
    const bytesMax = Math.min(WRITE_BYTES_MAX, this.#settings.segmentBytesMax);
    while (writeBuffer.count > 0 || this.#syncDue) {
      const buffers = writeBuffer.count > 0 ? writeBuffer.take(bytesMax) : [];
      await this.#store(buffers);
      await this.#pause();
    }
    this.#running = null;
  }

  /** Writes buffers, and syncs when due. The result of a buffer is known after its sync. */
  async #store(buffers: RecordBuffer[]): Promise<void> {
    this.#writing = buffers;
    this.#writingBytes = buffers.reduce((sum, { length }) => sum + length, 0);
    try {
      const active = buffers.length > 0 ? await this.#write(buffers) : this.#active;
      const isDue = this.#settings.fsync !== 'interval' || this.#syncDue;
      this.#syncDue = false;
      if (!isDue) this.#armTimer();
      else if (active !== null) await this.#sync(active);
    } catch (cause) {
      await this.#abandon(diskError(cause, 'records could not be stored'));
    }
    this.#deps.changed();
  }

  async #write(buffers: RecordBuffer[]): Promise<Active> {
    const active = await this.#segmentFor(buffers[0]?.first ?? 0);
    const { segment, fd } = active;
    let position = segment.bytes;
    for (const { memory, length, first } of buffers) {
      await writeAll(this.#files, fd, { bytes: memory.subarray(0, length), position });
      notePage(segment, { position: first, offset: position });
      position += length;
    }
    this.#deps.index.resize(segment, position);
    this.#writing = [];
    this.#writingBytes = 0;
    for (const one of buffers) this.#unsynced.push(one);
    return active;
  }

  async #sync({ fd, segment }: Active): Promise<void> {
    const buffers = this.#unsynced;
    const last = buffers.at(-1);
    if (last === undefined) return;
    const readableBytes = segment.bytes;
    await this.#files.sync(fd);
    this.#unsynced = [];
    this.#hasFailed = false;
    segment.end = last.first + last.count;
    segment.readableBytes = readableBytes;
    this.#deps.index.storedEnd = segment.end;
    this.#resolve(buffers, null);
  }

  /** The open segment if it has room, or a new one. */
  async #segmentFor(first: number): Promise<Active> {
    const full = this.#active;
    if (full !== null) {
      const { bytes: before } = full.segment;
      if (before === SEGMENT_HEADER_BYTES || before + this.#writingBytes <= this.#settings.segmentBytesMax) return full;
      await this.#sync(full);
    }
    // Until the new segment exists, the old one takes what the process writes at its end.
    this.#active = await this.#create(first);
    if (full !== null) {
      full.segment.sealed = true;
      await this.#files.close(full.fd).catch(() => undefined);
    }
    return this.#active;
  }

  /** Durably creates a segment and its name, before any record in it can be durable. */
  async #create(base: number): Promise<Active> {
    const { location, index } = this.#deps;
    const path = segmentPath(location.dir, base);
    const fd = await this.#files.open(path, 'new');
    try {
      await writeAll(this.#files, fd, { bytes: encodeSegmentHeader({ base, follows: index.storedEnd }), position: 0 });
      await this.#files.sync(fd);
      await this.#files.syncDir(location.dir);
    } catch (error) {
      await this.#files.close(fd).catch(() => undefined);
      await this.#files.unlink(path).catch(() => undefined);
      throw error;
    }
    const segment = newSegment({ path, base, bytes: SEGMENT_HEADER_BYTES });
    index.addSegment(segment);
    return { fd, segment };
  }

  /**
   * Fails all records that are not durable after a failed write or sync. They are never reported as stored: after a
   * failed fsync the kernel may have dropped the pages, and a second fsync would "succeed". Later records go to a new
   * segment.
   */
  async #abandon(error: KitError): Promise<void> {
    const { index, report, location } = this.#deps;
    this.#hasFailed = true;
    const buffers = [...this.#unsynced, ...this.#writing];
    const active = this.#active;
    this.#unsynced = [];
    // `stored` must find the records until their result is known.
    this.#writing = buffers;
    this.#active = null;
    if (active !== null) {
      const { segment, fd } = active;
      segment.sealed = true;
      // A later process must not read from the kernel's cache what the disk does not have.
      await this.#files.truncate(fd, segment.readableBytes).catch(() => undefined);
      await this.#files.close(fd).catch(() => undefined);
      index.resize(segment, await this.#files.size(segment.path).catch(() => segment.bytes));
    }
    this.#writing = [];
    this.#writingBytes = 0;
    const first = buffers[0];
    const last = buffers.at(-1);
    if (first === undefined || last === undefined) return;
    const end = last.first + last.count;
    index.acked.add(first.first, end);
    this.#failures.add(first.first, end, error);
    const positions = { first_position: first.first, last_position: end - 1 };
    report({ kind: 'write_failed', detail: error.message, file: active?.segment.path ?? location.dir, ...positions });
    this.#resolve(buffers, error);
  }

  /** Waits for more records, unless there are many or none, or a caller waits for a flush. */
  async #pause(): Promise<void> {
    const { index, writeBuffer } = this.#deps;
    if (writeBuffer.count === 0 || this.#urgentEnd > index.resolvedEnd) return;
    const isWorthIt = this.#settings.fsync === 'each' || writeBuffer.bytes >= WORTH_A_SYNC_BYTES;
    if (isWorthIt && !this.#hasFailed) return;
    await new Promise<void>((resolve) => {
      const timer = setOwnTimeout(resolve, this.#hasFailed ? FAILED_PAUSE_MS : BATCH_MS);
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
    // If the process ends before, `writeRestSync` syncs.
    if (this.#awaitedEnd <= this.#deps.index.resolvedEnd) this.#syncTimer.unref();
  }

  #stopTimer(): void {
    if (this.#syncTimer !== null) clearTimeout(this.#syncTimer);
    this.#syncTimer = null;
  }

  #resolve(buffers: readonly RecordBuffer[], outcome: KitError | null): void {
    const last = buffers.at(-1);
    if (last !== undefined) this.#deps.index.resolvedEnd = last.first + last.count;
    for (const { result } of buffers) result.resolve(outcome);
    this.#deps.writeBuffer.recycle(buffers);
  }
}

/** Records that could not be stored, as runs with the same reason, in order of position. */
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

function bufferOf(buffers: readonly RecordBuffer[], position: number): RecordBuffer {
  let low = 0;
  let high = buffers.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (at(buffers, middle).first <= position) low = middle;
    else high = middle;
  }
  return at(buffers, low);
}
