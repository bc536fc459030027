import type { IdentitiesRow } from '../../ports/cell-row.ts';
import { type Column, columnsAt, type ReadColumns } from './column.ts';

/** The version of the columns of identities. A file of another version is not read. */
export const IDENTITIES_FORM = 'pik-identities/1';

/** The columns of a file of identities, in its order. */
const TYPES = {
  source: 'STRING',
  event_type: 'STRING',
  imported: 'BOOLEAN',
  event_window: 'INT32',
  received_window: 'INT32',
  entities: 'BYTE_ARRAY',
  repeated: 'BYTE_ARRAY',
} as const satisfies { readonly [Name in keyof IdentitiesRow]-?: Column['type'] };

/** The columns of these identities, in the order of the cells. */
export function identityColumns(rows: readonly IdentitiesRow[]): Column[] {
  return Object.entries(TYPES).map(([name, type]) => {
    return { name, type, nullable: false, data: rows.map((row): unknown => row[name as keyof IdentitiesRow]) };
  });
}

/** The identities that these columns hold, in their order. Throws a RangeError for columns of another form. */
export function identitiesOf(columns: ReadColumns): IdentitiesRow[] {
  const { at, text, number, bytes } = columnsAt<keyof IdentitiesRow>(columns);
  return Array.from({ length: at('source').length }, (_, row) => ({
    source: text('source', row),
    event_type: text('event_type', row),
    imported: at('imported')[row] === true,
    event_window: number('event_window', row),
    received_window: number('received_window', row),
    entities: bytes('entities', row),
    repeated: bytes('repeated', row),
  }));
}
