import { createHash } from 'node:crypto';
import { KitError } from '@pik/schema';
import { encodeCursor } from '../ports/cursor.ts';
import { readReportCursor } from '../runtime/report-cursor.ts';
import type { Ranked } from '../statistics/top-ranked.ts';
import { decodePart, encodePart, openPart, type ReportPart } from './report-part.ts';

/** What pages before this one had. */
export interface PagePlace {
  /** Items of the ranked list. */
  readonly offset: number;
  /** The last of the events, where a report has pages of events too; null before the first. */
  readonly after: Ranked | null;
}

/**
 * One page of a report: what it covers is found again as it was on the first page, and a part of its list is given. Where the
 * budget ends before the range, the pages of one part of it come first, then those of the next.
 */
export interface ReportPage extends PagePlace {
  /** What was now on the first page: later receipts are on none. */
  readonly nowMs: number;
  /** The part of the range that is to be covered; where it ends is known once it was read. */
  readonly part: ReportPart;
  /** What else a report has to know of the part, as it gave it to `cursorAt`; empty at the start. */
  readonly extra: string;
  /**
   * The cursor of the page after this one: with `next` of the same part, without it of the next part, null after the last.
   * `names` are those of the whole list in its order: they are
   * held against those of the first page, so that no item is on two pages or on none. Figures may still grow while the time
   * of the first page has not settled.
   *
   * @throws KitError `CURSOR_INVALID` where they are others: rows have expired, or what was received by then is admitted only now.
   */
  cursorAt(next: PagePlace | null, names: () => readonly unknown[], extra?: PartExtra): string | null;
  /** A page of the one list that a report has, at most so many items long, and the cursor of the next. Throws as `cursorAt`. */
  cut<T>(
    items: readonly T[],
    options: { itemsMax: number; nameOf: (item: T) => unknown },
  ): { items: T[]; next_cursor: string | null };
}

/** What a report has to know of this part on its further pages, and of the next part; null if there is none. */
export interface PartExtra {
  readonly same: string;
  readonly next: string | null;
}

/**
 * The page that a cursor names, the first one without it. `question` is all that was asked beside the size of a page; `now`
 * is what its relative times count from, which the cursor hands on.
 *
 * @throws KitError `CURSOR_INVALID` for a cursor of another question.
 */
export function openReportPage(
  cursor: string | null | undefined,
  question: { readonly report: string; readonly now: number; readonly [field: string]: unknown },
): ReportPage {
  const { now, ...rest } = question;
  const asked = digestOf(askedOf(rest));
  const first: Start = { ...FIRST, nowMs: now, part: openPart(), extra: '' };
  const { nowMs, list, part, extra, ...place } = startOf(cursor, asked) ?? first;
  const cursorAt: ReportPage['cursorAt'] = (next, names, { same, next: after } = extraOf(part)) => {
    // To name a list costs something, and nothing is compared with that of a first page that has all of it.
    const found = next === null && list === undefined ? '' : digestOf(names());
    if (list !== undefined && list !== found) throw new KitError('CURSOR_INVALID', ANOTHER_LIST);
    if (next !== null)
      return encodeCursor([asked, found, nowMs, next.offset, ...rankParts(next.after), encodePart(part), same]);
    const rest = encodePart({ from: part.until ?? null, until: undefined });
    return after === null ? null : encodeCursor([asked, '', nowMs, 0, ...rankParts(null), rest, after]);
  };
  return {
    ...place,
    nowMs,
    part,
    extra,
    cursorAt,
    cut(items, { itemsMax, nameOf }) {
      const end = place.offset + itemsMax;
      const next = end < items.length ? { offset: end, after: null } : null;
      return { items: items.slice(place.offset, end), next_cursor: cursorAt(next, () => items.map(nameOf)) };
    },
  };
}

/** Of most reports the place where the part ends says all. */
function extraOf({ until }: ReportPart): PartExtra {
  return { same: '', next: until == null ? null : '' };
}

const ANOTHER_LIST =
  'what the report lists is not what it was on the page before: begin again, with an as_of of some minutes ago';

interface Start extends PagePlace {
  readonly nowMs: number;
  readonly part: ReportPart;
  readonly extra: string;
  /** The digest of the names on the first page of the part; undefined on that page itself. */
  readonly list?: string | undefined;
}

const FIRST: PagePlace = { offset: 0, after: null };

function askedOf(question: object): [string, unknown][] {
  const asked = Object.entries(question).filter(([, value]) => value !== undefined);
  return asked.sort(([a], [b]) => (a < b ? -1 : 1));
}

function startOf(cursor: string | null | undefined, asked: string): Start | null {
  const parts = readReportCursor(cursor);
  if (parts === null) return null;
  const [question, list, nowMs, offset, rank, id, part, extra] = parts;
  if (question !== asked || !Number.isSafeInteger(offset) || offset < 0) throw new KitError('CURSOR_INVALID');
  const after = id === '' ? null : { rank, id };
  return { offset, after, nowMs, list: list === '' ? undefined : list, part: decodePart(part), extra };
}

const rankParts = (after: Ranked | null): [number, string] => (after === null ? [0, ''] : [after.rank, after.id]);

/** 96 bits: what is told apart are questions and lists of one report, not what somebody has made to look alike. */
function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 16);
}
