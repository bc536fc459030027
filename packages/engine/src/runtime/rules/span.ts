/** Hashes are whole numbers below this. */
const END = 2 ** 52;

/**
 * A span of hashes. What lies in it is held during a walk over the receipts, the rest is left for another walk: so what is
 * counted by an id is counted exactly, and never more of it is held than fits.
 */
export interface Span {
  has(hash: number): boolean;
  /** How many spans of this width there are: the walks that all hashes take. */
  readonly walks: number;
  /** Makes it an eighth shorter, at its end: what no longer lies in it must be let go. False where it is of one hash alone. */
  narrow(): boolean;
  /** Goes on behind its end: where it held little with a wider one. False, and empty for ever, where that was the end of all. */
  next(heldLittle: boolean): boolean;
}

/** All hashes. */
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
      // The same width will do where hashes lie evenly. Where many lay close together, it must not stay as narrow as that.
      const width = (to - from) * (heldLittle ? 8 : 1);
      from = to;
      to = Math.min(END, from + width);
      return from < END;
    },
  };
}
