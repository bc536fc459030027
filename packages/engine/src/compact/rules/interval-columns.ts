import type { IntervalsRow } from '../../ports/cell-row.ts';
import { type Column, columnsAt, type ReadColumns } from './column.ts';

/** The version of the columns of intervals. A file of another version is not read. */
export const INTERVALS_FORM = 'pik-intervals/1';

/** The columns of these rows, in their order. */
export function intervalColumns(rows: readonly IntervalsRow[]): Column[] {
  const common = { nullable: false };
  return [
    { name: 'producer_id', type: 'STRING', ...common, data: rows.map(({ producer_id }) => producer_id) },
    {
      name: 'received_max_ms',
      type: 'INT64',
      ...common,
      data: rows.map(({ received_max_ms }) => BigInt(received_max_ms)),
    },
    { name: 'intervals', type: 'BYTE_ARRAY', ...common, data: rows.map(({ intervals }) => intervals) },
  ];
}

/** The rows that these columns hold, in their order. Throws a RangeError for columns of another form. */
export function intervalRowsOf(columns: ReadColumns): IntervalsRow[] {
  const { at, text, number, bytes } = columnsAt<keyof IntervalsRow>(columns);
  return Array.from({ length: at('producer_id').length }, (_, row) => ({
    producer_id: text('producer_id', row),
    received_max_ms: number('received_max_ms', row),
    intervals: bytes('intervals', row),
  }));
}
