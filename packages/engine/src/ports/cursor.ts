import { KitError } from '@pik/schema';

/** One part of a cursor. */
export type CursorPart = string | number;

/** Encodes an opaque cursor: the position at which the next page starts. */
export function encodeCursor(parts: readonly CursorPart[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/**
 * Decodes the parts of a cursor, whose types must match those of `shape`; null if there is no cursor.
 *
 * @throws KitError `CURSOR_INVALID`.
 */
export function decodeCursor<T extends CursorPart[]>(cursor: string | null | undefined, shape: T): T | null {
  if (cursor === null || cursor === undefined) return null;
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (
      Array.isArray(parts) &&
      parts.length === shape.length &&
      parts.every((part, i) => typeof part === typeof shape[i])
    ) {
      return parts as unknown as T;
    }
  } catch {
    // Reported below, together with a cursor that is JSON of another shape.
  }
  throw new KitError('CURSOR_INVALID');
}
