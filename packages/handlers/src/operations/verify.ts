import { KitError, type VerifyPage } from '@pik/schema';

import type { Context } from './context.ts';
import { type IndexPlace, verifyIndex } from './verify-index.ts';
import { type LogPlace, verifyLog } from './verify-log.ts';

/** Where the walk goes on, and the digest so far. */
export interface VerifyPlace {
  readonly digest: string;
  readonly log?: LogPlace;
  readonly index?: IndexPlace;
}

/** A part of the walk: what it looked at, and where the next one starts. */
export interface VerifyPart extends Omit<VerifyPage, 'next_cursor'> {
  readonly next: VerifyPlace | null;
}

/**
 * Holds log and index against each other: hour by hour along the log, then along the rows of the index. Writes nothing.
 * Equal content gives an equal last digest.
 */
export async function verify(context: Context, cursor: string | null): Promise<VerifyPage> {
  const place = cursor === null ? { digest: '', log: { fromMs: 0, after: '' } } : decodePlace(cursor);
  const { next, ...page } =
    place.index === undefined ? await verifyLog(context, place) : await verifyIndex(context, place);
  return { ...page, next_cursor: next === null ? null : encodePlace(next) };
}

function encodePlace(place: VerifyPlace): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

function decodePlace(cursor: string): VerifyPlace {
  try {
    const place = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as VerifyPlace;
    if (typeof place.digest === 'string' && (isLogPlace(place.log) || isIndexPlace(place.index))) return place;
  } catch {
    // Told below, together with a cursor that is JSON of another form.
  }
  throw new KitError('CURSOR_INVALID');
}

function isLogPlace(place: LogPlace | undefined): boolean {
  return Number.isSafeInteger(place?.fromMs) && typeof place?.after === 'string';
}

function isIndexPlace(place: IndexPlace | undefined): boolean {
  return typeof place?.table === 'string' && (place.cursor === null || typeof place.cursor === 'string');
}
