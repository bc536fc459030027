import { KitError } from '@pik/schema';

/** One part of a cursor. */
export type CursorPart = string | number;

/** Encodes an opaque cursor: the position at which the next page starts. */
export function encodeCursor(parts: readonly CursorPart[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** The types that a part may have, by their names. */
interface PartTypes {
  readonly string: string;
  readonly number: number;
}
type Parts<Names extends readonly (keyof PartTypes)[]> = { -readonly [I in keyof Names]: PartTypes[Names[I]] };

/**
 * Decodes the parts of a cursor, which must have the named types; null if there is no cursor.
 *
 * @throws KitError `CURSOR_INVALID`.
 */
export function decodeCursor<const Names extends readonly (keyof PartTypes)[]>(
  cursor: string | null | undefined,
  types: Names,
): Parts<Names> | null {
  if (cursor === null || cursor === undefined) return null;
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(parts) && parts.length === types.length && parts.every((part, i) => typeof part === types[i])) {
      return parts as unknown as Parts<Names>;
    }
  } catch {
    // Reported below, together with a cursor that is JSON of another form.
  }
  throw new KitError('CURSOR_INVALID');
}
