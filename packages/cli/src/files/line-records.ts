import { type FileRecord, isTooLarge, RecordBuilder } from './record.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const OPEN_OBJECT = 0x7b;

/**
 * The records of a file with one record per line. Only the byte 0x0A ends a line, as over HTTP: JSON texts may contain
 * the other line separators of Unicode. Blank lines count as lines but not as records.
 */
export async function* lineRecords(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<FileRecord[]> {
  const builder = new RecordBuilder();
  let line = 1;
  for await (const chunk of chunks) {
    const records: FileRecord[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      builder.add(chunk.subarray(start, end));
      const record = recordOf(builder, line);
      if (record !== null) records.push(record);
      line += 1;
      start = end + 1;
    }
    if (start < chunk.length) builder.add(chunk.subarray(start));
    if (records.length > 0) yield records;
  }
  const last = builder.size === 0 ? null : recordOf(builder, line);
  if (last !== null) yield [last];
}

function recordOf(builder: RecordBuilder, line: number): FileRecord | null {
  const { size } = builder;
  const bytes = builder.take();
  if (bytes === null) return { bytes, size, line, column: 1 };
  const stop = bytes.at(-1) === RETURN ? size - 1 : size;
  if (isBlank(bytes)) return null;
  return { bytes: isTooLarge(stop) ? null : bytes.subarray(0, stop), size: stop, line, column: 1 };
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes[0] !== OPEN_OBJECT && bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === RETURN);
}
