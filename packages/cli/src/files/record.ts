import { LIMITS } from '@pik/schema';

/** One record of a file, and where it stands there. */
export interface FileRecord {
  /** Exactly as it stands in the file; null where that is more than an event may have. */
  readonly bytes: Uint8Array | null;
  readonly size: number;
  /** The line on which it starts, from 1. */
  readonly line: number;
  /** The byte of the line with which it starts, from 1. */
  readonly column: number;
}

/** Puts a record together out of the chunks that it lies in. Of one that is too large only the size is kept. */
export class RecordBuilder {
  size = 0;
  #pieces: Uint8Array[] = [];

  add(piece: Uint8Array): void {
    this.size += piece.length;
    // One more byte than fits: a line may end in a carriage return, which is no part of its record.
    if (this.size <= LIMITS.event_bytes_max + 1) this.#pieces.push(piece);
    else this.#pieces = [];
  }

  /** All bytes; null where they are too many. Begins the next record. */
  take(): Uint8Array | null {
    const pieces = this.#pieces;
    const whole = this.size <= LIMITS.event_bytes_max + 1;
    this.#pieces = [];
    this.size = 0;
    if (!whole) return null;
    return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
  }
}

/** True where the bytes of a record are too many for one event. */
export function isTooLarge(size: number): boolean {
  return size > LIMITS.event_bytes_max;
}
