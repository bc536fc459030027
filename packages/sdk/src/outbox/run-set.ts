import { at } from '@pik/schema/events';

/**
 * A set of positions, stored as ascending runs `[start, end)` that do not touch. Requests finish nearly in order, so
 * there are few runs, whatever the number of positions.
 */
export class RunSet {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #size = 0;

  /** Number of positions in the set. */
  get size(): number {
    return this.#size;
  }

  /** The first position at or after `from` that is not in the set. */
  firstMissing(from: number): number {
    const end = this.#ends[this.#runBefore(from)];
    return end === undefined || end <= from ? from : end;
  }

  has(position: number): boolean {
    return this.firstMissing(position) > position;
  }

  /** Whether all of `[start, end)` is in the set. */
  covers(start: number, end: number): boolean {
    return this.firstMissing(start) >= end;
  }

  /** Adds `[start, end)`. */
  add(start: number, end: number): void {
    if (start >= end) return;
    // The runs that touch [start, end) are replaced by one.
    let first = this.#runBefore(start);
    if (first < 0 || at(this.#ends, first) < start) first += 1;
    let last = first;
    let from = start;
    let to = end;
    while (last < this.#starts.length && at(this.#starts, last) <= to) {
      from = Math.min(from, at(this.#starts, last));
      to = Math.max(to, at(this.#ends, last));
      this.#size -= at(this.#ends, last) - at(this.#starts, last);
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

  /** The runs below `below`, in order; the last one is cut off there. */
  *runs(below = Number.POSITIVE_INFINITY): Generator<readonly [start: number, end: number]> {
    for (const [i, start] of this.#starts.entries()) {
      if (start >= below) return;
      yield [start, Math.min(at(this.#ends, i), below)];
    }
  }

  /** The index of the last run that starts at or before `position`; -1 if there is none. */
  #runBefore(position: number): number {
    // Lookups nearly always hit one of the last runs, so the search widens from the end.
    let step = 1;
    let high = this.#starts.length;
    let low = high - step;
    while (low >= 0 && at(this.#starts, low) > position) {
      high = low;
      step *= 2;
      low = high - step;
    }
    low = Math.max(low, -1);
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (at(this.#starts, middle) <= position) low = middle;
      else high = middle;
    }
    return low;
  }
}
