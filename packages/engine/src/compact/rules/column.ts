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
