import type { AttributeValue } from '@aws-sdk/client-dynamodb';

import type { FakeItem } from './expressions.ts';

/** Bytes of a row as DynamoDB counts them for units: names and values, without its overhead for storage. */
export function itemBytes(item: FakeItem): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(item)) bytes += Buffer.byteLength(name) + valueBytes(value);
  return bytes;
}

function valueBytes(value: AttributeValue): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.B !== undefined) return value.B.length;
  if (value.N !== undefined) return numberBytes(value.N);
  if (value.BOOL !== undefined || value.NULL !== undefined) return 1;
  throw new Error('an attribute of a type that the rows of the kit do not use');
}

/** One byte per two significant digits, one more, and one for a sign. */
function numberBytes(text: string): number {
  const digits = text
    .replace(/^-/, '')
    .replace(/^0+|\./g, '')
    .replace(/0+$/, '');
  return Math.ceil(digits.length / 2) + 1 + (text.startsWith('-') ? 1 : 0);
}

/** Write units of rows of these sizes, in bytes: one per started KB of the largest row, at least one. */
export function writeUnits(...bytes: number[]): number {
  return Math.max(1, Math.ceil(Math.max(0, ...bytes) / 1024));
}

/** Read units of this number of bytes: one per started 4 KB, at least one; half if the read is not consistent. */
export function readUnits(bytes: number, consistent: boolean): number {
  return Math.max(1, Math.ceil(bytes / 4096)) * (consistent ? 1 : 0.5);
}
