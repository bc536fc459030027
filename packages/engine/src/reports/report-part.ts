import { type Covered, formatEpochMs, KitError, MS_PER_DAY } from '@pik/schema';
import { type Budget, type Spent, spentText } from '../runtime/budget.ts';
import type { ReportScope } from './rules/report-scope.ts';

/** A place in the order of slices: the start of an event day, or the cursor of a listing within it. */
export interface SlicePlace {
  readonly day: number;
  readonly cursor: string | null;
}

/**
 * The part of a range that one answer covers, along the event days of its slices. The first page of a part determines its
 * end: the end of the range, or of the budget. Later pages of the part read up to the same place.
 */
export interface ReportPart {
  /** Null: the start of the range. */
  readonly from: SlicePlace | null;
  /** Null: the end of the range; undefined until it is known. */
  until: SlicePlace | null | undefined;
  /** Why it ends before the range; null if it does not, or if an earlier answer determined the end. */
  why: Spent | null;
}

/** Opens a part that starts at the range's start or at a place in it; its end is not known yet. */
export function openPart(from: SlicePlace | null = null): ReportPart {
  return { from, until: undefined, why: null };
}

/** The limits of a part. */
export interface PartBounds {
  readonly budget: Budget;
  /** True once the memory limit allows no further group or day. */
  readonly isFull?: (() => boolean) | undefined;
  /** Number of walks over the same slices that must fit into the budget. Default 1. */
  readonly walks?: (() => number) | undefined;
}

/** Returns why a part must end here, or null if it may continue. */
export function endsNow({ budget, isFull, walks = () => 1 }: PartBounds): Spent | null {
  if (isFull?.() === true) return 'made';
  const { what, share } = budget.used();
  return budget.spent() ?? (share * walks() >= 1 ? what : null);
}

/** Decides at the start of each event day if it still fits: the budget left must cover the longest day so far. */
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

/** Ends a part at a place, unless its end is already known. */
export function endPart(part: ReportPart, until: SlicePlace | null, why: Spent | null): void {
  if (part.until !== undefined) return;
  part.until = until;
  part.why = why;
}

/** The span that a part covers, as reports return it; null if that is the complete range. */
export function coveredView(
  { from, until }: ReportPart,
  { basis, start_time, end_time }: Pick<ReportScope, 'basis' | 'start_time' | 'end_time'>,
): Covered {
  if (from === null && until == null) return null;
  const text = (ms: number) => (Number.isFinite(ms) ? formatEpochMs(ms) : null);
  // A range of receive time does not bound event days.
  const [startMs, endMs] =
    basis === 'event' ? [start_time, end_time] : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const divided = [from, until].filter((place): place is SlicePlace => place != null && place.cursor !== null);
  return {
    basis: 'event',
    start_time: text(from === null ? startMs : Math.max(startMs, from.day * MS_PER_DAY)),
    end_time: text(until == null ? endMs : Math.min(endMs, until.day * MS_PER_DAY)),
    divided_days: [...new Set(divided.map(({ day }) => dayText(day)))],
  };
}

/** The note of a part that ends before the range; empty if it does not. */
export function partNotes(part: ReportPart): string[] {
  if (part.until == null) return [];
  const { day, cursor } = part.until;
  const why = part.why === null ? 'the range is too large for one answer' : spentText(part.why);
  const divided = cursor === null ? '' : ` and a part of ${dayText(day)}`;
  return [`${why}: this page covers event times before ${dayText(day)}${divided}; the next page continues`];
}

const dayText = (day: number) => formatEpochMs(day * MS_PER_DAY).slice(0, 10);

/** Encodes a part for a cursor. */
export function encodePart({ from, until }: Pick<ReportPart, 'from' | 'until'>): string {
  const place = (at: SlicePlace | null) => (at === null ? null : [at.day, at.cursor]);
  return JSON.stringify(until === undefined ? [place(from)] : [place(from), place(until)]);
}

/**
 * Decodes the part of a cursor.
 *
 * @throws KitError `CURSOR_INVALID`.
 */
export function decodePart(text: string): ReportPart {
  const [from, until, ...rest] = readCursorParts(text);
  if (from === undefined || rest.length > 0) throw new KitError('CURSOR_INVALID');
  return { from: decodePlace(from), until: until === undefined ? undefined : decodePlace(until), why: null };
}

/**
 * Parses a JSON array from a cursor.
 *
 * @throws KitError `CURSOR_INVALID`.
 */
export function readCursorParts(text: string): unknown[] {
  try {
    const parts: unknown = JSON.parse(text);
    if (Array.isArray(parts)) return parts;
  } catch {
    // Reported below, like JSON of another form.
  }
  throw new KitError('CURSOR_INVALID');
}

/** Event days span about ten thousand years; a day beyond is from a forged cursor. */
const DAY_MAX = 4_000_000;

function decodePlace(value: unknown): SlicePlace | null {
  if (value === null) return null;
  const [day, cursor]: unknown[] = Array.isArray(value) ? value : [];
  const isDay = typeof day === 'number' && Number.isSafeInteger(day) && Math.abs(day) <= DAY_MAX;
  if (!isDay || (cursor !== null && typeof cursor !== 'string')) throw new KitError('CURSOR_INVALID');
  return { day, cursor };
}
