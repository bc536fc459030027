import type { CellRow } from '../../ports/cell-row.ts';
import { type Column, columnsAt, type ReadColumns } from './column.ts';

/** The version of the columns of cells. A file of another version is not read. */
export const CELLS_FORM = 'pik-cells/2';

/** The columns of a file of cells, in its order. */
const TYPES = {
  source: 'STRING',
  event_type: 'STRING',
  imported: 'BOOLEAN',
  event_window: 'INT32',
  received_window: 'INT32',
  accepted: 'INT32',
  duplicates: 'INT32',
  conflicts: 'INT32',
  event_min_ms: 'INT64',
  event_max_ms: 'INT64',
  received_min_ms: 'INT64',
  received_max_ms: 'INT64',
  first_received_min_ms: 'INT64',
  first_received_max_ms: 'INT64',
  lag: 'BYTE_ARRAY',
  delay: 'BYTE_ARRAY',
  produce: 'BYTE_ARRAY',
  transport: 'BYTE_ARRAY',
  extremes: 'BYTE_ARRAY',
  worst: 'BYTE_ARRAY',
  event_hours: 'BYTE_ARRAY',
  received_hours: 'BYTE_ARRAY',
  event_minutes: 'BYTE_ARRAY',
  received_minutes: 'BYTE_ARRAY',
  arrivals: 'BYTE_ARRAY',
  order: 'BYTE_ARRAY',
} as const satisfies { readonly [Name in keyof CellRow]-?: Column['type'] };

const NULLABLE = new Set(['first_received_min_ms', 'first_received_max_ms']);

/** The columns of these cells, in the order of the cells. */
export function cellColumns(cells: readonly CellRow[]): Column[] {
  return Object.entries(TYPES).map(([name, type]) => {
    const values = cells.map((cell): unknown => cell[name as keyof CellRow]);
    const data = type === 'INT64' ? values.map((value) => (typeof value === 'number' ? BigInt(value) : null)) : values;
    return { name, type, nullable: NULLABLE.has(name), data };
  });
}

/** The cells that these columns hold, in their order. Throws a RangeError for columns of another form. */
export function cellsOf(columns: ReadColumns): CellRow[] {
  const { at, text, number, bytes } = columnsAt<keyof CellRow>(columns);
  const orNull = (name: keyof CellRow, row: number) => (at(name)[row] == null ? null : number(name, row));
  return Array.from({ length: at('source').length }, (_, row) => ({
    source: text('source', row),
    event_type: text('event_type', row),
    imported: at('imported')[row] === true,
    event_window: number('event_window', row),
    received_window: number('received_window', row),
    accepted: number('accepted', row),
    duplicates: number('duplicates', row),
    conflicts: number('conflicts', row),
    event_min_ms: number('event_min_ms', row),
    event_max_ms: number('event_max_ms', row),
    received_min_ms: number('received_min_ms', row),
    received_max_ms: number('received_max_ms', row),
    first_received_min_ms: orNull('first_received_min_ms', row),
    first_received_max_ms: orNull('first_received_max_ms', row),
    lag: bytes('lag', row),
    delay: bytes('delay', row),
    produce: bytes('produce', row),
    transport: bytes('transport', row),
    extremes: bytes('extremes', row),
    worst: bytes('worst', row),
    event_hours: bytes('event_hours', row),
    received_hours: bytes('received_hours', row),
    event_minutes: bytes('event_minutes', row),
    received_minutes: bytes('received_minutes', row),
    arrivals: bytes('arrivals', row),
    order: bytes('order', row),
  }));
}
