import { createReadStream } from 'node:fs';
import { KitError, parsePointer, readPointer } from '@pik/schema';

import { errorMessage } from '../errno.ts';
import { csvRows, delimiterOf } from '../files/csv-rows.ts';
import { lineRecords } from '../files/line-records.ts';
import { type Entry, there, valueText } from './entry.ts';
import { parsedRecord } from './parsed-record.ts';

/** Where the records of the other store have their id and value: JSON pointers, or columns of CSV. */
export interface Names {
  readonly id: string | undefined;
  readonly value: string | undefined;
}

/**
 * Reads the records of another store: NDJSON with pointers, CSV with columns, else a text with one id per line. `-` is standard input.
 *
 * @throws KitError `FILE_DAMAGED`, `FILE_INVALID`.
 */
export async function* entriesOfFile(file: string, names: Names): AsyncGenerator<Entry> {
  const chunks: AsyncIterable<Uint8Array> = file === '-' ? process.stdin : createReadStream(file);
  const isPointer = names.id?.startsWith('/') ?? false;
  try {
    if (names.id === undefined) yield* ofLines(chunks);
    else if (isPointer) yield* ofJson(chunks, names);
    else yield* ofCsv(chunks, { name: file, id: names.id, value: names.value });
  } catch (cause) {
    if (KitError.is(cause)) throw cause;
    throw new KitError('FILE_INVALID', `${file} cannot be read: ${errorMessage(cause)}`, { cause });
  }
}

async function* ofLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Entry> {
  for await (const records of lineRecords(chunks))
    for (const { bytes } of records) if (bytes !== null) yield there(Buffer.from(bytes).toString().trim(), null);
}

async function* ofJson(chunks: AsyncIterable<Uint8Array>, { id = '', value }: Names): AsyncGenerator<Entry> {
  const steps = pointer(id);
  const valueSteps = value === undefined ? null : pointer(value);
  for await (const records of lineRecords(chunks))
    for (const { bytes, line } of records) {
      const record: unknown = bytes === null ? null : parsedRecord(Buffer.from(bytes).toString());
      const name = valueText(readPointer(record, steps));
      if (name === null) throw new KitError('FILE_INVALID', `line ${line} has nothing at ${id}`);
      yield there(name, valueSteps === null ? null : valueText(readPointer(record, valueSteps)));
    }
}

async function* ofCsv(
  chunks: AsyncIterable<Uint8Array>,
  { name, id, value }: { name: string; id: string; value: string | undefined },
): AsyncGenerator<Entry> {
  const { sample, rest } = await withSample(chunks);
  for await (const rows of csvRows(rest, { delimiter: delimiterOf(sample), name }))
    for (const { columns } of rows) {
      const key = columns?.[id];
      if (typeof key !== 'string') throw new KitError('FILE_INVALID', `${name} has no column ${id}`);
      yield there(key, value === undefined ? null : valueText(columns?.[value]));
    }
}

async function withSample(chunks: AsyncIterable<Uint8Array>) {
  const iterator = chunks[Symbol.asyncIterator]();
  const { value: sample = new Uint8Array() } = await iterator.next();
  async function* rest(): AsyncGenerator<Uint8Array> {
    yield sample;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  }
  return { sample, rest: rest() };
}

/** Throws `REQUEST_INVALID` for a text that is not a JSON pointer. */
export function pointer(text: string): readonly string[] {
  const steps = parsePointer(text);
  if (steps === null || steps.length === 0)
    throw new KitError('REQUEST_INVALID', `${text} is not a JSON pointer such as /payload/order_id`);
  return steps;
}
