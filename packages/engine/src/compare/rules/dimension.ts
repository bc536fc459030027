import { LIMITS } from '@pik/schema';

import { type Column, createColumn, FIRST_CODE, type Group, growColumn, keepNumbers, NUMBER, OTHER } from './column.ts';

/** A value that groups are compared by. */
export type Leaf = string | number | boolean | null;

/** In place of a value: the receipt has something there that is not compared, such as an object. */
export const NOT_COMPARED = undefined;

/** Different numbers of a path above which they are compared by ranges. */
const NUMBERS_AS_VALUES = 200;
/** Different values of a list in one receipt that are compared. */
const SLOTS_MAX = 4;

/**
 * The values of one path: a column per group, and further ones for paths into lists, of which a receipt can have several
 * values. Values are numbered by their first appearance; each group has its own share of the numbers.
 */
export class Dimension {
  readonly path: string;
  /** True for a path with `[*]`. */
  readonly isMany: boolean;
  /** The value of each code, from `FIRST_CODE` on. */
  readonly values: Leaf[] = [];
  readonly slots: (readonly [Column, Column])[] = [];
  /** True if some values were not compared because there are too many. */
  hasMore = false;
  hasLong = false;
  readonly #codes = new Map<Leaf, number>();
  readonly #fresh: [number, number] = [0, 0];
  readonly #rows: [number, number] = [-1, -1];
  #slot = 0;
  #numbers = 0;
  #keepsNumbers = false;

  constructor(path: string, isMany: boolean) {
    this.path = path;
    this.isMany = isMany;
  }

  /** Adds a value of a row. Rows ascend in each group. Returns the bytes that this took. */
  add(group: Group, row: number, value: Leaf | typeof NOT_COMPARED): number {
    const code = this.#codeOf(group, value);
    if (this.#rows[group] === row) {
      if (this.#hasCode(group, row, code)) return 0;
      this.#slot += 1;
    } else this.#slot = 0;
    this.#rows[group] = row;
    if (this.#slot >= SLOTS_MAX) {
      this.hasMore = true;
      return 0;
    }
    let bytes = 0;
    const column = this.#columnAt(this.#slot, group);
    bytes += growColumn(column, row);
    column.codes[row] = code;
    if (code === NUMBER && column.numbers !== null) column.numbers[row] = Number(value);
    if (typeof value === 'number' && !this.#keepsNumbers && this.#numbers > NUMBERS_AS_VALUES) bytes += this.#keepAll();
    return bytes;
  }

  #hasCode(group: Group, row: number, code: number): boolean {
    return this.slots.some((columns) => columns[group].codes[row] === code);
  }

  #columnAt(slot: number, group: Group): Column {
    const columns = this.slots[slot];
    if (columns !== undefined) return columns[group];
    const created = [createColumn(), createColumn()] as const;
    if (this.#keepsNumbers) for (const column of created) column.numbers = new Float64Array(0);
    this.slots.push(created);
    return created[group];
  }

  #codeOf(group: Group, value: Leaf | typeof NOT_COMPARED): number {
    if (value === NOT_COMPARED) return OTHER;
    if (typeof value === 'number' && this.#keepsNumbers) return this.isMany ? OTHER : NUMBER;
    const known = this.#codes.get(value);
    if (known !== undefined) return known;
    if (typeof value === 'string' && value.length > LIMITS.compare_text_chars_max) {
      this.hasLong = true;
      return OTHER;
    }
    if (this.#fresh[group] >= LIMITS.compare_values_max) {
      this.hasMore = true;
      return OTHER;
    }
    this.#fresh[group] += 1;
    if (typeof value === 'number') this.#numbers += 1;
    const code = FIRST_CODE + this.values.length;
    this.values.push(value);
    this.#codes.set(value, code);
    return code;
  }

  #keepAll(): number {
    this.#keepsNumbers = true;
    // A range of an element says nothing that an expression could say: `[*]` would take any two elements.
    if (this.isMany) {
      this.hasMore = true;
      return 0;
    }
    let bytes = 0;
    for (const columns of this.slots)
      for (const column of columns) bytes += keepNumbers(column, (code) => this.values[code - FIRST_CODE]);
    return bytes;
  }
}
