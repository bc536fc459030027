/**
 * A set of positions as runs `[start, end)`, ascending and not touching. Requests finish nearly in order, so the runs are
 * few, whatever the number of positions.
 */
export class RunSet {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #size = 0;

  /** How many positions it holds. */
  get size(): number {
    return this.#size;
  }

  /** The first position from `from` on that it does not hold. */
  firstMissing(from: number): number {
    const at = this.#runBefore(from);
    const end = this.#ends[at];
    return end === undefined || end <= from ? from : end;
  }

  has(position: number): boolean {
    return this.firstMissing(position) > position;
  }

  /** Whether it holds all of `[start, end)`. */
  covers(start: number, end: number): boolean {
    return this.firstMissing(start) >= end;
  }

  /** Adds `[start, end)`. */
  add(start: number, end: number): void {
    if (start >= end) return;
    // The runs that touch [start, end) are replaced by one.
    let first = this.#runBefore(start);
    if (first < 0 || (this.#ends[first] as number) < start) first += 1;
    let last = first;
    let from = start;
    let to = end;
    while (last < this.#starts.length && (this.#starts[last] as number) <= to) {
      from = Math.min(from, this.#starts[last] as number);
      to = Math.max(to, this.#ends[last] as number);
      this.#size -= (this.#ends[last] as number) - (this.#starts[last] as number);
      last += 1;
    }
    this.#size += to - from;
    if (last - first === 1) {
      this.#starts[first] = from;
      this.#ends[first] = to;
    } else {
      this.#starts.splice(first, last - first, from);
      this.#ends.splice(first, last - first, to);
    }
  }

  /** The runs below `below`, in order; the last one is cut there. */
  *runs(below = Number.POSITIVE_INFINITY): Generator<readonly [start: number, end: number]> {
    for (const [i, start] of this.#starts.entries()) {
      if (start >= below) return;
      yield [start, Math.min(this.#ends[i] as number, below)];
    }
  }

  /** The index of the last run that starts at or before `position`; -1 if there is none. */
  #runBefore(position: number): number {
    // Nearly always one of the last runs is asked for, so the search widens from the end.
    let step = 1;
    let high = this.#starts.length;
    let low = high - step;
    while (low >= 0 && (this.#starts[low] as number) > position) {
      high = low;
      step *= 2;
      low = high - step;
    }
    low = Math.max(low, -1);
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] as number) <= position) low = middle;
      else high = middle;
    }
    return low;
  }
}
