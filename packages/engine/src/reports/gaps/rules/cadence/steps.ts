/**
 * A computation in pieces of a few milliseconds at most: it yields between them, so that its caller can let others run, stop it,
 * or run it to its end at once (`finish`).
 */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Items of one piece; a few hundred nanoseconds each. */
export const PIECE_ITEMS = 8_192;

/** Runs a computation to its end. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Calls `visit` for the numbers from 0 up to `count`, in pieces. */
export function* inPieces(count: number, visit: (from: number, to: number) => void): Steps<void> {
  for (let from = 0; from < count; from += PIECE_ITEMS) {
    visit(from, Math.min(count, from + PIECE_ITEMS));
    yield;
  }
}

/** Sorts numbers in ascending order, in place, in pieces: parts by the runtime's own sort, then merged two by two. */
export function* sortInPieces(values: Float64Array): Steps<void> {
  const width = PIECE_ITEMS * 2;
  for (let from = 0; from < values.length; from += width) {
    values.subarray(from, from + width).sort();
    yield;
  }
  const merged = new Float64Array(values.length > width ? values.length : 0);
  for (let size = width; size < values.length; size *= 2) {
    for (let from = 0; from < values.length; from += size * 2) yield* mergeRuns(values, merged, { from, size });
    values.set(merged);
    yield;
  }
}

function* mergeRuns(
  values: Float64Array,
  merged: Float64Array,
  { from, size }: { from: number; size: number },
): Steps<void> {
  const middle = Math.min(values.length, from + size);
  const end = Math.min(values.length, middle + size);
  let left = from;
  let right = middle;
  yield* inPieces(end - from, (first, last) => {
    for (let i = first; i < last; i++) {
      const takesLeft = left < middle && (right >= end || (values[left] ?? 0) <= (values[right] ?? 0));
      merged[from + i] = values[takesLeft ? left++ : right++] ?? 0;
    }
  });
}
