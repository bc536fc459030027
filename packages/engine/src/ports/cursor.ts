import { KitError } from '@pik/schema';

/** One part of a place in a listing. */
export type CursorPart = string | number;

/** An opaque cursor: where the next page goes on. */
export function encodeCursor(parts: readonly CursorPart[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/**
 * The parts of a cursor, whose types must be those of `shape`; null where there is no cursor.
 *
 * @throws KitError `CURSOR_INVALID`.
 */
export function decodeCursor<T extends CursorPart[]>(cursor: string | null | undefined, shape: T): T | null {
  if (cursor === null || cursor === undefined) return null;
  try {
    const parts = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown;
    if (
      Array.isArray(parts) &&
      parts.length === shape.length &&
      parts.every((part, i) => typeof part === typeof shape[i])
    ) {
      return parts as unknown as T;
    }
  } catch {
    // Told below, together with a cursor that is JSON of another form.
  }
  throw new KitError('CURSOR_INVALID');
}
