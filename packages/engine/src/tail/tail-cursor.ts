import { isPackId, KitError } from '@pik/schema';

import { decodeCursor, encodeCursor } from '../ports/cursor.ts';

/** A place in the log: everything before this line of this pack was read. The pack need not exist. */
export interface TailPlace {
  readonly pack_id: string;
  readonly line: number;
}

/** After every line that a pack can have. */
export const AFTER_ALL_LINES = 999_999_999;

const NAME = 'tail';

/** The cursor of a place. */
export function tailCursor({ pack_id, line }: TailPlace): string {
  return encodeCursor([NAME, pack_id, line]);
}

/** The place of a cursor; null without one. Throws `CURSOR_INVALID`. */
export function tailPlace(cursor: string | null | undefined): TailPlace | null {
  const parts = decodeCursor(cursor, ['string', 'string', 'number']);
  if (parts === null) return null;
  const [name, pack_id, line] = parts;
  if (name !== NAME || !isPackId(pack_id) || !Number.isSafeInteger(line) || line < 0)
    throw new KitError('CURSOR_INVALID');
  return { pack_id, line };
}

/** Below the id of every pack of a millisecond, and above those of all before. */
export function idFloor(ms: number): string {
  const digits = Math.min(Math.max(0, Math.ceil(ms)), 2 ** 47)
    .toString(16)
    .padStart(12, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-000000000000`;
}

/** The order of two places in the log. */
export function comparePlaces(a: TailPlace, b: TailPlace): number {
  if (a.pack_id !== b.pack_id) return a.pack_id < b.pack_id ? -1 : 1;
  return a.line - b.line;
}
