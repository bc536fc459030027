/** Numbers that are added one by one and read as one array; a fifth of the memory of a list, and nothing to collect. */
export interface Column {
  push(value: number): void;
  /** A view of what was added so far, which may be written to. */
  values(): Float64Array;
  /** Lets go of what was added after the first so many. */
  truncate(count: number): void;
}

/** An empty column. */
export function createColumn(): Column {
  let numbers = new Float64Array(1_024);
  let length = 0;
  return {
    push(value) {
      if (length === numbers.length) {
        const grown = new Float64Array(length * 2);
        grown.set(numbers);
        numbers = grown;
      }
      numbers[length++] = value;
    },
    values: () => numbers.subarray(0, length),
    truncate(count) {
      length = Math.min(length, count);
    },
  };
}
