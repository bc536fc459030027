/** Hashes are integers below this. */
const END = 2 ** 52;

/**
 * A span of hashes. A pass over the receipts counts only the ids whose hashes lie in it and leaves the others for another
 * pass: counts per id are exact, and memory stays bounded.
 */
export interface Span {
  has(hash: number): boolean;
  /** The number of spans of this width, that is of passes over all hashes. */
  readonly walks: number;
  /** Shortens the span by an eighth at its end; the caller drops ids beyond it. False if it holds only one hash. */
  narrow(): boolean;
  /** Moves on to the next span, a wider one if this one held little. False once all hashes are covered. */
  next(heldLittle: boolean): boolean;
}

/** Creates a span of all hashes. */
export function createSpan(): Span {
  let [from, to] = [0, END];
  return {
    has: (hash) => hash >= from && hash < to,
    get walks() {
      return Math.ceil(END / (to - from));
    },
    narrow() {
      if (to - from <= 1) return false;
      to = Math.max(from + 1, from + Math.floor(((to - from) / 8) * 7));
      return true;
    },
    next(heldLittle) {
      // The same width suffices if hashes are evenly distributed. After a dense stretch the span must widen again.
      const width = (to - from) * (heldLittle ? 8 : 1);
      from = to;
      to = Math.min(END, from + width);
      return from < END;
    },
  };
}
