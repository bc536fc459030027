import { parquetMetadata, parquetRead } from 'hyparquet';
import { ByteWriter, parquetWrite, type SchemaElement } from 'hyparquet-writer';

import type { Column, ReadColumns } from './rules/column.ts';

/** The library that writes files, and its version: another one may write other bytes, so commit rows name it. */
export const WRITER = 'hyparquet-writer 0.17.0';

/** Rows of a group, which readers skip as a whole. */
const GROUP_ROWS = 50_000;

/** The bytes of a Parquet file with these columns, in a named form. Equal columns give equal bytes. */
export function parquetBytes(columns: readonly Column[], form: string): Uint8Array {
  const writer = new ByteWriter();
  // A promise only if the writer has a `flush`.
  void parquetWrite({
    writer,
    schema: [{ name: 'root', num_children: columns.length }, ...columns.map(elementOf)],
    columnData: columns.map(({ name, data, encoding }) => {
      return { name, data, ...(encoding === undefined ? {} : { encoding }) };
    }),
    rowGroupSize: GROUP_ROWS,
    kvMetadata: [{ key: 'form', value: form }],
    createdBy: WRITER,
  });
  return writer.getBytes();
}

function elementOf({ name, type, nullable }: Column): SchemaElement {
  const repetition_type = nullable ? 'OPTIONAL' : 'REQUIRED';
  if (typeof type === 'number') return { name, repetition_type, type: 'FIXED_LEN_BYTE_ARRAY', type_length: type };
  if (type === 'STRING') return { name, repetition_type, type: 'BYTE_ARRAY', converted_type: 'UTF8' };
  return { name, repetition_type, type };
}

/** Reads columns of a Parquet file; all of them if none are named. Throws a RangeError if the file is of another form. */
export async function readParquet(bytes: Uint8Array, form: string, names?: readonly string[]): Promise<ReadColumns> {
  const buffer = new Uint8Array(bytes).buffer;
  const metadata = parquetMetadata(buffer);
  const found = metadata.key_value_metadata?.find(({ key }) => key === 'form')?.value;
  if (found !== form) throw new RangeError(`a file of the form ${found} instead of ${form}`);
  const parts = new Map<string, ArrayLike<unknown>[]>();
  await parquetRead({
    file: { byteLength: buffer.byteLength, slice: (start, end) => buffer.slice(start, end) },
    metadata,
    ...(names === undefined ? {} : { columns: [...names] }),
    utf8: false,
    onChunk({ columnName, columnData }) {
      const known = parts.get(columnName);
      if (known === undefined) parts.set(columnName, [columnData]);
      else known.push(columnData);
    },
  });
  // A file without rows has no chunks.
  const wanted = names ?? metadata.schema.slice(1).map(({ name }) => name);
  return new Map(wanted.map((name) => [name, joined(parts.get(name) ?? [])]));
}

/** The chunks of a column one after another. */
function joined(chunks: readonly ArrayLike<unknown>[]): ArrayLike<unknown> {
  const [only] = chunks;
  if (chunks.length === 1 && only !== undefined) return only;
  const all: unknown[] = [];
  for (const chunk of chunks) for (let i = 0; i < chunk.length; i++) all.push(chunk[i]);
  return all;
}
