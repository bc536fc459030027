/** Values of one column, in the order of the rows. */
export type ColumnData = BigInt64Array | Int32Array | unknown[];

/** A column as a writer of Parquet takes it. */
export interface Column {
  readonly name: string;
  /** A number: the bytes of each value. */
  readonly type: 'STRING' | 'BYTE_ARRAY' | 'INT32' | 'INT64' | 'BOOLEAN' | number;
  readonly nullable: boolean;
  /** Default: the writer chooses. */
  readonly encoding?: 'DELTA_BINARY_PACKED' | 'DELTA_BYTE_ARRAY' | 'PLAIN' | undefined;
  readonly data: ColumnData;
}

/** Columns as they were read, by name. */
export type ReadColumns = ReadonlyMap<string, ArrayLike<unknown>>;

/** Reads values of columns that have no nulls. Each throws a RangeError for columns of another form. */
export function columnsAt<Name extends string>(columns: ReadColumns) {
  const at = (name: Name) => {
    const column = columns.get(name);
    if (column === undefined) throw new RangeError(`a derived file has no column ${name}`);
    return column;
  };
  return {
    at,
    text: (name: Name, row: number) => String(at(name)[row]),
    number: (name: Name, row: number) => Number(at(name)[row]),
    bytes(name: Name, row: number): Uint8Array {
      const value = at(name)[row];
      if (!(value instanceof Uint8Array)) throw new RangeError(`the column ${name} of a derived file has no bytes`);
      return value;
    },
  };
}
