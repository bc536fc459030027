import { KitError, LIMITS } from '@pik/schema/events';

import { RECORD_HEADER_BYTES, sealRecord } from './format.ts';

/** What becomes of the records that are written together: one promise for all of them, made when first asked for. */
export class WriteResult {
  /** Settled: null when they are durable, or why they are not. */
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

/** Records as they go to the disk, one behind the other. */
export interface RecordBuffer {
  readonly memory: Buffer;
  length: number;
  /** Position of its first record. */
  readonly first: number;
  count: number;
  readonly result: WriteResult;
}

/** Bytes that records are gathered in; a few of these are kept for use again. */
const BUFFER_BYTES = 256 * 1024;
const SPARE_BUFFERS = 4;

/** Turns records into the bytes that are written, at once: nothing that the caller does later changes them. */
export class WriteBuffer {
  readonly #bufferBytes: number;
  readonly #alone: boolean;
  readonly #spare: Buffer[] = [];
  #buffers: RecordBuffer[] = [];
  #bytes = 0;
  #count = 0;

  /** `alone`: each record in a slab of its own. Otherwise a slab has at most `bytesMax`, unless one record has more. */
  constructor({ alone, bytesMax }: { alone: boolean; bytesMax: number }) {
    this.#alone = alone;
    this.#bufferBytes = alone ? 0 : Math.min(BUFFER_BYTES, bytesMax);
  }

  /** Bytes that wait to be taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Records that wait to be taken. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds a record, unless it is larger than an event may be or takes more than `room` bytes with its head.
   *
   * @throws KitError `EVENT_TOO_LARGE`, `OUTBOX_FULL`.
   */
  add(
    record: string | Uint8Array,
    { position, storedMs, room }: { position: number; storedMs: number; room: number },
  ): void {
    if (record.length > LIMITS.event_bytes_max) throw tooLarge();
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

  /** The slabs that wait, oldest first: at least one, and as many more as fit into `bytesMax`. */
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

  /** The slabs that wait. */
  peek(): readonly RecordBuffer[] {
    return this.#buffers;
  }

  /** Takes back the memory of slabs that nobody reads any more. */
  recycle(buffers: readonly RecordBuffer[]): void {
    for (const { memory } of buffers)
      if (memory.length === this.#bufferBytes && this.#spare.length < SPARE_BUFFERS) this.#spare.push(memory);
  }

  /** A UTF-16 unit takes at most three bytes; they are counted only where the slab is for this record alone. */
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
  if (length > LIMITS.event_bytes_max) return tooLarge();
  return RECORD_HEADER_BYTES + length > room ? new KitError('OUTBOX_FULL') : null;
}

function tooLarge(): KitError {
  return new KitError('EVENT_TOO_LARGE', `a record has at most ${LIMITS.event_bytes_max} bytes`);
}
