import { EPOCH_MS_MAX, EPOCH_MS_MIN, KitError } from '@pik/schema';

import { decodeCursor } from '../ports/cursor.ts';
import type { Context } from './context.ts';

/** Parts of a report's cursor. */
export type CursorParts = [
  question: string,
  list: string,
  nowMs: number,
  offset: number,
  rank: number,
  id: string,
  part: string,
  extra: string,
];

/** Parses a report's cursor. Returns null for the first page. Throws `CURSOR_INVALID`. */
export function readReportCursor(cursor: string | null | undefined): CursorParts | null {
  const parts = decodeCursor(cursor, ['string', 'string', 'number', 'number', 'number', 'string', 'string', 'string']);
  if (parts === null) return null;
  const [, , nowMs] = parts;
  if (!Number.isSafeInteger(nowMs) || nowMs < EPOCH_MS_MIN || nowMs > EPOCH_MS_MAX)
    throw new KitError('CURSOR_INVALID');
  return parts;
}

/** Now, or with a cursor the time of its first page. Whose question it is of is looked at where it is answered. */
export function nowOf(context: Context, cursor: string | null): number {
  return readReportCursor(cursor)?.[2] ?? context.clock.now();
}
