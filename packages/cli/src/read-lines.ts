import { createReadStream, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

import { KitError } from '@pik/schema';

/** A file of records, line by line. */
export interface LineSource {
  /** Bytes to read, for the progress; 0 where it is not known. */
  readonly bytes: number;
  /** Bytes read so far. */
  readonly bytesRead: () => number;
  readonly lines: AsyncIterable<string>;
}

/** Opens `FILE.ndjson`, `FILE.ndjson.gz`, or `-` for standard input. */
export function openLines(file: string): LineSource {
  if (file === '-') return { bytes: 0, bytesRead: () => 0, lines: linesOf(process.stdin) };
  let bytes: number;
  try {
    bytes = statSync(file).size;
  } catch (cause) {
    throw new KitError('CONFIG_INVALID', `there is no file ${file}`, { cause });
  }
  const raw = createReadStream(file);
  const input: Readable = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  raw.on('error', (error) => input.destroy(error));
  return { bytes, bytesRead: () => raw.bytesRead, lines: linesOf(input) };
}

async function* linesOf(input: Readable): AsyncGenerator<string> {
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() !== '') yield line;
  }
}
