import { createHash } from 'node:crypto';
import { KitError } from '@pik/schema';
import { encodeCursor } from '../ports/cursor.ts';
import { readReportCursor } from '../runtime/report-cursor.ts';
import type { Ranked } from '../statistics/top-ranked.ts';
import { decodePart, encodePart, openPart, type ReportPart } from './report-part.ts';

/** The end of the previous page. */
export interface PagePlace {
  /** Number of items of the ranked list on earlier pages. */
  readonly offset: number;
  /** The last event of earlier pages, if the report also has pages of events; null before the first. */
  readonly after: Ranked | null;
}

/**
 * One page of a report: it recomputes what the first page covered and returns a part of its list. If the budget ends before
 * the range, the pages of one part of the range come first, then those of the next part.
 */
export interface ReportPage extends PagePlace {
  /** The time of the first page: no page includes later receipts. */
  readonly nowMs: number;
  /** The part of the range to cover; its end is known after it was read. */
  readonly part: ReportPart;
  /** State of the report for this part, as it passed it to `cursorAt`; empty at the start. */
  readonly extra: string;
  /**
   * Returns the cursor of the next page: with `next` a page of the same part, without it the next part; null after the last.
   * `names` are those of the complete list in its order. They are compared with those of the first page, so that no item is
   * on two pages or on none. Figures may still grow while the time of the first page has not settled.
   *
   * @throws KitError `CURSOR_INVALID` if the names differ: rows have expired, or earlier receipts were admitted only now.
   */
  cursorAt(next: PagePlace | null, names: () => readonly unknown[], extra?: PartExtra): string | null;
  /** Returns a page of at most `itemsMax` items of the report's only list, and the next cursor. Throws as `cursorAt`. */
  cut<T>(
    items: readonly T[],
    options: { itemsMax: number; nameOf: (item: T) => unknown },
  ): { items: T[]; next_cursor: string | null };
}

/** State of a report for further pages of this part and for the next part; null if there is no next part. */
export interface PartExtra {
  readonly same: string;
  readonly next: string | null;
}

/**
 * The page that a cursor names, the first one without it. `question` is all that was asked except the size of a page; `now`
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
    // Hashing the names takes time, and a first page with the complete list has no later page to compare them with.
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

/** The default state: the place where the part ends. */
function extraOf({ until }: ReportPart): PartExtra {
  return { same: '', next: until == null ? null : '' };
}

const ANOTHER_LIST = 'the list has changed since the previous page: begin again, with an as_of some minutes ago';

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

/** 96 bits: enough to distinguish questions and lists of one report; forged collisions do no harm. */
function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 16);
}
