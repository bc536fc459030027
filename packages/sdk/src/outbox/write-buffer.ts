import { EVENT_LIMITS, KitError } from '@pik/schema/events';

import { RECORD_HEADER_BYTES, sealRecord } from './format.ts';

/** The outcome of records that are written together: one promise for all, created on first access. */
export class WriteResult {
  /** Set once known: null if the records are durable, or the reason why not. */
  #outcome: KitError | null | undefined;
  #promise: Promise<KitError | null> | null = null;
  #resolve: ((outcome: KitError | null) => void) | null = null;

  get promise(): Promise<KitError | null> {
    if (this.#outcome !== undefined) return Promise.resolve(this.#outcome);
    this.#promise ??= new Promise((resolve) => {
      this.#resolve = resolve;
    });
    return this.#promise;
  }

  resolve(outcome: KitError | null): void {
    this.#outcome = outcome;
    this.#resolve?.(outcome);
  }
}

/** Encoded records, in the order in which they are written. */
export interface RecordBuffer {
  readonly memory: Buffer;
  length: number;
  /** Position of the first record. */
  readonly first: number;
  count: number;
  readonly result: WriteResult;
}

/** Size of a buffer; a few are kept for reuse. */
const BUFFER_BYTES = 256 * 1024;
const SPARE_BUFFERS = 4;

/**
 * Collects encoded records until they are written. Encodes at once, so that later changes by the caller have no effect.
 */
export class WriteBuffer {
  readonly #bufferBytes: number;
  readonly #alone: boolean;
  readonly #spare: Buffer[] = [];
  #buffers: RecordBuffer[] = [];
  #bytes = 0;
  #count = 0;

  /**
   * With `alone`, each record has a buffer of its own. Otherwise a buffer has at most `bytesMax`, unless a single
   * record is larger.
   */
  constructor({ alone, bytesMax }: { alone: boolean; bytesMax: number }) {
    this.#alone = alone;
    this.#bufferBytes = alone ? 0 : Math.min(BUFFER_BYTES, bytesMax);
  }

  /** Bytes that wait to be written. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Records that wait to be written. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds a record, unless it exceeds the size limit of an event, or takes more than `room` bytes with its header.
   *
   * @throws KitError `EVENT_TOO_LARGE`, `OUTBOX_FULL`.
   */
  add(
    record: string | Uint8Array,
    { position, storedMs, room }: { position: number; storedMs: number; room: number },
  ): void {
    if (record.length > EVENT_LIMITS.event_bytes_max) throw tooLarge();
    const buffer = this.#bufferFor(RECORD_HEADER_BYTES + this.#mostBytesOf(record), position);
    const start = buffer.length + RECORD_HEADER_BYTES;
    const length = put(record, buffer.memory, start);
    const refused = refusalOf(length, room);
    if (refused !== null) {
      if (buffer.count === 0) this.#buffers.pop();
      throw refused;
    }
    sealRecord(buffer.memory, buffer.length, { length, position, storedMs });
    buffer.length = start + length;
    buffer.count += 1;
    this.#bytes += RECORD_HEADER_BYTES + length;
    this.#count += 1;
  }

  /** Removes and returns waiting buffers, oldest first: at least one, and as many more as fit into `bytesMax`. */
  take(bytesMax: number): RecordBuffer[] {
    let bytes = 0;
    let taken = 0;
    for (const buffer of this.#buffers) {
      if (taken > 0 && (this.#alone || bytes + buffer.length > bytesMax)) break;
      bytes += buffer.length;
      this.#count -= buffer.count;
      taken += 1;
    }
    this.#bytes -= bytes;
    return this.#buffers.splice(0, taken);
  }

  /** The waiting buffers. */
  peek(): readonly RecordBuffer[] {
    return this.#buffers;
  }

  /** Keeps the memory of buffers that nobody reads any more for reuse. */
  recycle(buffers: readonly RecordBuffer[]): void {
    for (const { memory } of buffers)
      if (memory.length === this.#bufferBytes && this.#spare.length < SPARE_BUFFERS) this.#spare.push(memory);
  }

  /**
   * Upper bound of the record's bytes. A UTF-16 unit takes at most three bytes; the exact number is only needed if the
   * buffer is for this record alone.
   */
  #mostBytesOf(record: string | Uint8Array): number {
    return typeof record === 'string' && !this.#alone ? record.length * 3 : Buffer.byteLength(record);
  }

  #bufferFor(bytes: number, position: number): RecordBuffer {
    const last = this.#buffers.at(-1);
    if (last !== undefined && !this.#alone && last.memory.length - last.length >= bytes) return last;
    const size = Math.max(bytes, this.#bufferBytes);
    const spare = size === this.#bufferBytes ? this.#spare.pop() : undefined;
    const memory = spare ?? Buffer.allocUnsafeSlow(size);
    const buffer: RecordBuffer = { memory, length: 0, first: position, count: 0, result: new WriteResult() };
    this.#buffers.push(buffer);
    return buffer;
  }
}

function put(record: string | Uint8Array, into: Buffer, at: number): number {
  if (typeof record === 'string') return into.write(record, at, 'utf8');
  into.set(record, at);
  return record.length;
}

function refusalOf(length: number, room: number): KitError | null {
  if (length > EVENT_LIMITS.event_bytes_max) return tooLarge();
  return RECORD_HEADER_BYTES + length > room ? new KitError('OUTBOX_FULL') : null;
}

function tooLarge(): KitError {
  return new KitError('EVENT_TOO_LARGE', `a record has at most ${EVENT_LIMITS.event_bytes_max} bytes`);
}
