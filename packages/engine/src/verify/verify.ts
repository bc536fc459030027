import { floorToHour, KitError, type VerifyPage } from '@pik/schema';
import type { Context } from '../runtime/context.ts';
import { verifyHistory } from './verify-history.ts';
import { verifyHours } from './verify-hours.ts';
import { verifyIndex } from './verify-index.ts';
import { verifyLog } from './verify-log.ts';
import type { HistoryPlace, IndexPlace, LogPlace, VerifyPart, VerifyPlace } from './verify-part.ts';

/**
 * Compares log and index: along the log, then along the rows of the index, then along versions and replays, then along closed hours.
 * From a time on, only packs and closed hours are compared. Writes nothing. Equal content gives an equal final digest.
 */
export async function verify(context: Context, cursor: string | null, sinceMs?: number): Promise<VerifyPage> {
  const place = cursor === null ? firstPlace(sinceMs) : decodePlace(cursor);
  const { next, ...page } = await verifyPart(context, place);
  return { ...page, next_cursor: next === null ? null : encodePlace(next) };
}

/** Hours are checked as a whole. */
function firstPlace(sinceMs: number | undefined): VerifyPlace {
  const fromMs = sinceMs === undefined ? 0 : Math.max(0, floorToHour(sinceMs));
  const since = sinceMs === undefined ? {} : { sinceMs: fromMs };
  return { digest: '', log: { fromMs, after: '' }, ...since };
}

async function verifyPart(context: Context, place: VerifyPlace): Promise<VerifyPart> {
  if (place.hours !== undefined) return verifyHours(context, place);
  if (place.history !== undefined) {
    const part = await verifyHistory(context, place);
    const isLast = part.next === null && context.backend.hours !== undefined;
    return isLast ? { ...part, next: { digest: part.digest, hours: { fromMs: 0 } } } : part;
  }
  if (place.index === undefined) return verifyLogPart(context, place);
  const part = await verifyIndex(context, place);
  const { digest } = place;
  return part.next === null ? { ...part, next: { digest, history: { part: 'versions', cursor: null } } } : part;
}

/** After the packs since a time come the hours since then. */
async function verifyLogPart(context: Context, place: VerifyPlace): Promise<VerifyPart> {
  const { sinceMs } = place;
  const part = await verifyLog(context, place);
  if (sinceMs === undefined) return part;
  const { digest } = part;
  if (part.next?.log !== undefined) return { ...part, next: { ...part.next, sinceMs } };
  return {
    ...part,
    next: context.backend.hours === undefined ? null : { digest, sinceMs, hours: { fromMs: sinceMs } },
  };
}

function encodePlace(place: VerifyPlace): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

function decodePlace(cursor: string): VerifyPlace {
  try {
    const place = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as VerifyPlace;
    if (typeof place.digest === 'string' && isSince(place.sinceMs) && isPlace(place)) return place;
  } catch {
    // Reported below, like a cursor that is JSON of another form.
  }
  throw new KitError('CURSOR_INVALID');
}

function isSince(ms: number | undefined): boolean {
  return ms === undefined || Number.isSafeInteger(ms);
}

function isPlace({ log, index, history, hours }: VerifyPlace): boolean {
  return isLogPlace(log) || isIndexPlace(index) || isHistoryPlace(history) || Number.isSafeInteger(hours?.fromMs);
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
