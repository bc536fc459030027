import { EVENT_LIMITS, KitError } from '@pik/schema/events';
import { Compactor } from './compactor.ts';
import type { DeadLetters } from './dead-letters.ts';
import { RECORD_HEADER_BYTES } from './format.ts';
import type { DeadLetterReason, Outbox, OutboxRecord, OutboxStats } from './outbox-port.ts';
import type { OutboxLocation } from './quarantine.ts';
import { readPending } from './reader.ts';
import { diskError, type Reporter } from './reports.ts';
import type { SegmentIndex } from './segment-index.ts';
import { SegmentWriter, type WriterSettings } from './segment-writer.ts';
import { WriteBuffer } from './write-buffer.ts';

/** Most bytes that wait for the disk. Beyond it `append` refuses, so that a hanging disk does not fill the memory. */
const UNWRITTEN_BYTES_MAX = 32 * 1024 * 1024;

/** Settings of an outbox. */
export interface DiskOutboxSettings extends WriterSettings {
  readonly quotaBytes: number;
  /**
   * Milliseconds until an acknowledgement is on disk. After a crash, records whose acknowledgement was lost are sent
   * again.
   */
  readonly saveMs: number;
}

/** Dependencies of an outbox. */
export interface DiskOutboxDeps {
  readonly location: OutboxLocation;
  readonly report: Reporter;
  readonly index: SegmentIndex;
  /** Generation of the cursor that was read. */
  readonly generation: number;
  readonly letters: DeadLetters;
  /** Releases the directory. */
  readonly release: () => Promise<void>;
}

/** An outbox in a directory on disk. */
export class DiskOutbox implements Outbox {
  readonly #deps: DiskOutboxDeps;
  readonly #index: SegmentIndex;
  readonly #quotaBytes: number;
  readonly #writeBuffer: WriteBuffer;
  readonly #writer: SegmentWriter;
  readonly #compactor: Compactor;
  readonly #recoveredEnd: number;
  readonly #recoveredCount: number;
  readonly #pid = process.pid;
  /** Size of the largest record that was refused for lack of room. */
  #refusedBytes = 0;
  #waiting: (() => void)[] = [];
  #closing: Promise<void> | null = null;
  readonly #onExit = () => this.#exit();

  constructor(deps: DiskOutboxDeps, settings: DiskOutboxSettings) {
    const { index } = deps;
    this.#deps = deps;
    this.#index = index;
    this.#quotaBytes = settings.quotaBytes;
    this.#recoveredEnd = index.next;
    this.#recoveredCount = index.pendingCount;
    this.#writeBuffer = new WriteBuffer({ alone: settings.fsync === 'each', bytesMax: settings.segmentBytesMax });
    const changed = () => this.#changed();
    this.#writer = new SegmentWriter({ ...deps, writeBuffer: this.#writeBuffer, changed }, settings);
    this.#compactor = new Compactor({ ...deps, changed }, { generation: deps.generation, saveMs: settings.saveMs });
  }

  /**
   * Creates the first segment and starts the compactor. Starts even on a full disk, because existing records can be
   * sent.
   */
  async start(): Promise<void> {
    await this.#compactor.start();
    await this.#writer.start().catch(() => undefined);
    process.on('exit', this.#onExit);
    this.#changed();
    this.#compactor.runNow();
  }

  append(record: string | Uint8Array): number {
    if (this.#closing !== null) throw new KitError('OUTBOX_CLOSED');
    if (process.pid !== this.#pid)
      throw new KitError('DATA_DIR_LOCKED', `the outbox belongs to process ${this.#pid}; open one of your own`);
    const index = this.#index;
    const position = index.next;
    const storedMs = Math.max(0, Date.now());
    try {
      this.#writeBuffer.add(record, { position, storedMs, room: this.#room() });
    } catch (error) {
      if (KitError.is(error) && error.code === 'OUTBOX_FULL') this.#refuse(Buffer.byteLength(record));
      throw error;
    }
    index.next = position + 1;
    index.noteTime(position, storedMs);
    this.#writer.wake();
    return position;
  }

  stored(position: number): Promise<KitError | null> {
    return this.#writer.stored(position);
  }

  async ready(): Promise<void> {
    while (!this.#hasRoom()) {
      this.#compactor.runNow();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  acknowledge(positions: Iterable<number>): void {
    const { acked, next } = this.#index;
    let start = 0;
    let end = 0;
    for (const position of positions) {
      if (!Number.isSafeInteger(position) || position < 1 || position >= next) continue;
      if (position !== end) {
        acked.add(start, end);
        start = position;
      }
      end = position + 1;
    }
    acked.add(start, end);
    this.#onAcked();
  }

  async deadLetter(entry: OutboxRecord, reason: DeadLetterReason): Promise<KitError | null> {
    if (this.#index.acked.has(entry.position)) return null;
    if (this.#closing !== null) return new KitError('OUTBOX_CLOSED');
    const failed = await this.#deps.letters.add(entry, reason);
    if (failed === null) this.acknowledge([entry.position]);
    return failed;
  }

  readRecovered(): AsyncIterable<OutboxRecord> {
    return this.readPending({ through: this.#recoveredEnd - 1 });
  }

  readPending({ after = 0, through = this.#index.storedEnd - 1 } = {}): AsyncIterable<OutboxRecord> {
    return readPending(this.#deps, { after, through });
  }

  stats(): OutboxStats {
    const index = this.#index;
    const oldestMs = index.oldestStoredMs();
    return {
      pending_count: index.pendingCount,
      unsynced_count: index.next - index.resolvedEnd,
      used_bytes: this.#usedBytes(),
      quota_bytes: this.#quotaBytes,
      oldest_stored_at: oldestMs === null ? null : new Date(oldestMs).toISOString(),
      recovered_count: this.#recoveredCount,
      dead_count: this.#deps.letters.count,
      damaged_count: index.damagedCount,
      abandoned_count: 0,
      adopted_count: 0,
    };
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#writer.close();
    await this.#deps.letters.close();
    await this.#compactor.close();
    process.off('exit', this.#onExit);
    await this.#deps.release();
    this.#changed();
  }

  /** Last chance to write waiting records when the process ends. */
  #exit(): void {
    try {
      this.#writer.writeRestSync();
    } catch (cause) {
      const detail = diskError(cause, 'the process ends, and not everything could be stored').message;
      this.#deps.report({ kind: 'write_failed', detail, file: this.#deps.location.dir });
    }
  }

  #unwrittenBytes(): number {
    return this.#writeBuffer.bytes + this.#writer.writingBytes;
  }

  #usedBytes(): number {
    return this.#index.fileBytes + this.#deps.letters.bytes + this.#unwrittenBytes();
  }

  #room(): number {
    return Math.min(this.#quotaBytes - this.#usedBytes(), UNWRITTEN_BYTES_MAX - this.#unwrittenBytes());
  }

  /**
   * Whether there is room for the record that was refused and for any usual event: an emit after `ready` must not be
   * refused.
   */
  #hasRoom(): boolean {
    if (this.#closing !== null) return true;
    const usual = Math.min(EVENT_LIMITS.event_bytes_max, this.#quotaBytes >> 4);
    return this.#room() >= Math.max(this.#refusedBytes, usual) + RECORD_HEADER_BYTES;
  }

  #refuse(bytes: number): void {
    this.#refusedBytes = Math.max(this.#refusedBytes, bytes);
    this.#compactor.runNow();
  }

  #onAcked(): void {
    if (!this.#compactIfPressed()) this.#compactor.schedule();
  }

  /** Deletes acknowledged segments if a caller waits for space. Returns false if there is no need. */
  #compactIfPressed(): boolean {
    const isPressed = this.#waiting.length > 0 || this.#refusedBytes > 0;
    if (!isPressed || this.#index.deletable().length === 0) return false;
    this.#compactor.runNow();
    return true;
  }

  #changed(): void {
    if (!this.#hasRoom()) {
      // Records acknowledged before they were written can only be deleted now.
      this.#compactIfPressed();
      return;
    }
    this.#refusedBytes = 0;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
