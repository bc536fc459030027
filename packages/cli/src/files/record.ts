import { LIMITS } from '@pik/schema';

/** A record of a file and its place. */
export interface FileRecord {
  /** Its bytes exactly as in the file; null if it is larger than the limit of an event. */
  readonly bytes: Uint8Array | null;
  readonly size: number;
  /** The line on which it starts, from 1. */
  readonly line: number;
  /** The byte of that line at which it starts, from 1. */
  readonly column: number;
}

/** Assembles a record from chunks. Keeps only the size of a record that is too large. */
export class RecordBuilder {
  size = 0;
  #pieces: Uint8Array[] = [];

  add(piece: Uint8Array): void {
    this.size += piece.length;
    // One more byte than fits: a line may end in a carriage return, which does not belong to its record.
    if (this.size <= LIMITS.event_bytes_max + 1) this.#pieces.push(piece);
    else this.#pieces = [];
  }

  /** Returns all bytes, or null if they are too many, and begins the next record. */
  take(): Uint8Array | null {
    const pieces = this.#pieces;
    const fits = this.size <= LIMITS.event_bytes_max + 1;
    this.#pieces = [];
    this.size = 0;
    if (!fits) return null;
    const [only] = pieces;
    return only !== undefined && pieces.length === 1 ? only : Buffer.concat(pieces);
  }
}

/** True if a record of this size is too large for one event. */
export function isTooLarge(size: number): boolean {
  return size > LIMITS.event_bytes_max;
}
