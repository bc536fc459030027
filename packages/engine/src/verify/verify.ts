import { KitError, type VerifyPage } from '@pik/schema';
import type { Context } from '../runtime/context.ts';
import { verifyHistory } from './verify-history.ts';
import { verifyIndex } from './verify-index.ts';
import { verifyLog } from './verify-log.ts';
import type { HistoryPlace, IndexPlace, LogPlace, VerifyPart, VerifyPlace } from './verify-part.ts';

/**
 * Compares log and index: hour by hour along the log, then along the rows of the index, then along versions and replays.
 * Writes nothing. Equal content gives an equal final digest.
 */
export async function verify(context: Context, cursor: string | null): Promise<VerifyPage> {
  const place = cursor === null ? { digest: '', log: { fromMs: 0, after: '' } } : decodePlace(cursor);
  const { next, ...page } = await verifyPart(context, place);
  return { ...page, next_cursor: next === null ? null : encodePlace(next) };
}

async function verifyPart(context: Context, place: VerifyPlace): Promise<VerifyPart> {
  if (place.history !== undefined) return verifyHistory(context, place);
  if (place.index === undefined) return verifyLog(context, place);
  const part = await verifyIndex(context, place);
  const { digest } = place;
  return part.next === null ? { ...part, next: { digest, history: { part: 'versions', cursor: null } } } : part;
}

function encodePlace(place: VerifyPlace): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

function decodePlace(cursor: string): VerifyPlace {
  try {
    const place = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as VerifyPlace;
    if (typeof place.digest === 'string' && isPlace(place)) return place;
  } catch {
    // Reported below, like a cursor that is JSON of another form.
  }
  throw new KitError('CURSOR_INVALID');
}

function isPlace({ log, index, history }: VerifyPlace): boolean {
  return isLogPlace(log) || isIndexPlace(index) || isHistoryPlace(history);
}

function isHistoryPlace(place: HistoryPlace | undefined): boolean {
  return typeof place?.part === 'string' && (place.cursor === null || typeof place.cursor === 'string');
}

function isLogPlace(place: LogPlace | undefined): boolean {
  return Number.isSafeInteger(place?.fromMs) && typeof place?.after === 'string';
}

function isIndexPlace(place: IndexPlace | undefined): boolean {
  return typeof place?.table === 'string' && (place.cursor === null || typeof place.cursor === 'string');
}
