/** The two groups of a comparison. */
export type Group = 0 | 1;

/** Code of a receipt that has nothing at the path. */
export const MISSING = 0;
/** Code of a receipt with a value that is not compared. */
export const OTHER = 1;
/** Code of a number that the column keeps as it is. */
export const NUMBER = 2;
/** The first code of a value. */
export const FIRST_CODE = 3;

/** The values of one path in one group, a code per receipt. Receipts beyond its length have nothing there. */
export interface Column {
  codes: Uint16Array<ArrayBuffer>;
  /** The numbers of a path with many of them; null while codes suffice. */
  numbers: Float64Array<ArrayBuffer> | null;
}

const ROWS_FIRST = 1_024;

/** Creates an empty column. */
export function createColumn(): Column {
  return { codes: new Uint16Array(0), numbers: null };
}

/** Makes room for a row. Returns the bytes that this took. */
export function growColumn(column: Column, row: number): number {
  if (row < column.codes.length) return 0;
  const before = bytesOf(column);
  let length = Math.max(ROWS_FIRST, column.codes.length);
  while (length <= row) length *= 2;
  const codes = new Uint16Array(length);
  codes.set(column.codes);
  column.codes = codes;
  if (column.numbers !== null) {
    const numbers = new Float64Array(length);
    numbers.set(column.numbers);
    column.numbers = numbers;
  }
  return bytesOf(column) - before;
}

function bytesOf({ codes, numbers }: Column): number {
  return codes.byteLength + (numbers?.byteLength ?? 0);
}

/** Keeps the numbers of a column as they are from now on. `valueAt` is the value of a code. Returns the bytes that this took. */
export function keepNumbers(column: Column, valueAt: (code: number) => unknown): number {
  const { codes } = column;
  const numbers = new Float64Array(codes.length);
  for (let row = 0; row < codes.length; row++) {
    const code = codes[row] ?? MISSING;
    const value = code < FIRST_CODE ? null : valueAt(code);
    if (typeof value !== 'number') continue;
    numbers[row] = value;
    codes[row] = NUMBER;
  }
  column.numbers = numbers;
  return numbers.byteLength;
}
