import { sha256Hex } from '@pik/schema';

import type { ParsedRecord } from './parse-record.ts';

/** The rank of a record without a known line: after all lines of files. */
const NO_LINE = 0xffffffff;

/**
 * The order among imports that claim the same millisecond: first the nanoseconds, then the line in the file, then the bytes
 * of the record. It is 26 hexadecimal digits that sort as text, and does not depend on the time of arrival.
 */
export function importRank({ record, received_sub_ns = 0, file_line = NO_LINE }: ParsedRecord): string {
  const text = 'text' in record ? record.text : '';
  return digits(received_sub_ns, 6) + digits(Math.min(file_line, NO_LINE), 8) + sha256Hex(text).slice(0, 12);
}

function digits(value: number, length: number): string {
  return value.toString(16).padStart(length, '0');
}
