import { sha256Hex } from '@pik/schema';

import type { ParsedRecord } from './parse-record.ts';

/** A line of no known file comes after all lines of files. */
const NO_LINE = 0xffffffff;

/**
 * The order among imports that claim one millisecond: the nanoseconds beyond it, then the line of the file, then the bytes
 * of the record. 26 hexadecimal digits, whose order as text is that order. Nothing of it depends on when they came.
 */
export function importRank({ record, received_sub_ns = 0, file_line = NO_LINE }: ParsedRecord): string {
  const text = 'text' in record ? record.text : '';
  return digits(received_sub_ns, 6) + digits(Math.min(file_line, NO_LINE), 8) + sha256Hex(text).slice(0, 12);
}

function digits(value: number, length: number): string {
  return value.toString(16).padStart(length, '0');
}
