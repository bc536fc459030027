import { type Covered, formatEpochMs, KitError, MS_PER_DAY } from '@pik/schema';
import { type Budget, type Spent, spentText } from '../runtime/budget.ts';
import type { ReportScope } from './rules/report-scope.ts';

/** A place in the order of slices: before all of an event day, or where the cursor of a listing goes on in it. */
export interface SlicePlace {
  readonly day: number;
  readonly cursor: string | null;
}

/**
 * The part of a range that one answer covers, along the event days of its slices. The first page of a part finds out where
 * it ends: with the range, or where the budget does. Whoever reads the same part again reads up to the same place.
 */
export interface ReportPart {
  /** Null: the start of the range. */
  readonly from: SlicePlace | null;
  /** Null: the end of the range; undefined until it is known. */
  until: SlicePlace | null | undefined;
  /** Why it ends before the range; null if it does not, or where an earlier answer found out. */
  why: Spent | null;
}

/** The whole range, or what is left of it. */
export function openPart(from: SlicePlace | null = null): ReportPart {
  return { from, until: undefined, why: null };
}

/** What says that a part must end. */
export interface PartBounds {
  readonly budget: Budget;
  /** True once so much is held that no further group or day may be made. */
  readonly isFull?: (() => boolean) | undefined;
  /** Walks over the same slices that are to fit into the budget. Default 1. */
  readonly walks?: (() => number) | undefined;
}

/** Why a part must end here, null while it may go on. */
export function endsNow({ budget, isFull, walks = () => 1 }: PartBounds): Spent | null {
  if (isFull?.() === true) return 'made';
  const { what, share } = budget.used();
  return budget.spent() ?? (share * walks() >= 1 ? what : null);
}

/** Decides at the start of each event day whether it still fits: as much as the longest one so far is left of the budget. */
export function createDayMeter(bounds: PartBounds): { next(): Spent | null } {
  let startShare = bounds.budget.used().share;
  let longest = 0;
  return {
    next() {
      const { what, share } = bounds.budget.used();
      longest = Math.max(longest, share - startShare);
      startShare = share;
      const { walks = () => 1 } = bounds;
      return endsNow(bounds) ?? ((share + longest) * walks() >= 1 ? what : null);
    },
  };
}

/** Ends a part at a place, unless it is known already where it ends. */
export function endPart(part: ReportPart, until: SlicePlace | null, why: Spent | null): void {
  if (part.until !== undefined) return;
  part.until = until;
  part.why = why;
}

/** What a part covers, as reports answer it; null if that is the whole range. */
export function coveredView(
  { from, until }: ReportPart,
  { basis, start_time, end_time }: Pick<ReportScope, 'basis' | 'start_time' | 'end_time'>,
): Covered {
  if (from === null && until == null) return null;
  const text = (ms: number) => (Number.isFinite(ms) ? formatEpochMs(ms) : null);
  // By receive time the range says nothing of event days.
  const [startMs, endMs] =
    basis === 'event' ? [start_time, end_time] : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const divided = [from, until].filter((place) => place != null && place.cursor !== null) as SlicePlace[];
  return {
    basis: 'event',
    start_time: text(from === null ? startMs : Math.max(startMs, from.day * MS_PER_DAY)),
    end_time: text(until == null ? endMs : Math.min(endMs, until.day * MS_PER_DAY)),
    divided_days: [...new Set(divided.map(({ day }) => dayText(day)))],
  };
}

/** The note of a part that ends before the range; none where it does not. */
export function partNotes(part: ReportPart): string[] {
  if (part.until == null) return [];
  const { day, cursor } = part.until;
  const why = part.why === null ? 'the range takes more than one answer' : spentText(part.why);
  const divided = cursor === null ? '' : ` and a part of ${dayText(day)}`;
  return [`${why}: this one covers event times before ${dayText(day)}${divided}; the next page goes on`];
}

const dayText = (day: number) => formatEpochMs(day * MS_PER_DAY).slice(0, 10);

/** A part as text of a cursor. */
export function encodePart({ from, until }: Pick<ReportPart, 'from' | 'until'>): string {
  const place = (at: SlicePlace | null) => (at === null ? null : [at.day, at.cursor]);
  return JSON.stringify(until === undefined ? [place(from)] : [place(from), place(until)]);
}

/**
 * The part that a cursor names.
 *
 * @throws KitError `CURSOR_INVALID`.
 */
export function decodePart(text: string): ReportPart {
  const [from, until, ...rest] = readCursorParts(text);
  if (from === undefined || rest.length > 0) throw new KitError('CURSOR_INVALID');
  return { from: decodePlace(from), until: until === undefined ? undefined : decodePlace(until), why: null };
}

/**
 * A JSON array out of a cursor.
 *
 * @throws KitError `CURSOR_INVALID`.
 */
export function readCursorParts(text: string): unknown[] {
  try {
    const parts = JSON.parse(text) as unknown;
    if (Array.isArray(parts)) return parts;
  } catch {
    // Told below, together with what is JSON of another form.
  }
  throw new KitError('CURSOR_INVALID');
}

/** Days of event time reach some ten thousand years; what lies beyond was made up. */
const DAY_MAX = 4_000_000;

function decodePlace(value: unknown): SlicePlace | null {
  if (value === null) return null;
  const [day, cursor] = Array.isArray(value) ? (value as unknown[]) : [];
  const isDay = Number.isSafeInteger(day) && Math.abs(day as number) <= DAY_MAX;
  if (!isDay || (cursor !== null && typeof cursor !== 'string')) throw new KitError('CURSOR_INVALID');
  return { day: day as number, cursor };
}
