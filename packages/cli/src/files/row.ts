/** A row of a file that a map reads: its bytes, and its columns by name. */
export interface Row {
  readonly bytes: Uint8Array;
  /** The line on which it starts, or the number of the row in a file without lines; from 1. */
  readonly line: number;
  /** Its columns; undefined for a record that is JSON itself. */
  readonly columns: Readonly<Record<string, unknown>> | undefined;
}
